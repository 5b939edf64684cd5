//! The kinds of failure that a caller can tell apart.

/// Kind of an [`Error`](crate::Error).
///
/// ```
/// use stitchapi::{Error, ErrorKind};
///
/// fn explain(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::Throttled | ErrorKind::CircuitOpen => "nothing was sent; try again later",
///         ErrorKind::Status => "the API refused the request",
///         _ if error.is_retryable() => "a later attempt may succeed",
///         _ => "give up",
///     }
/// }
/// # let _ = explain;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The declaration of a seam or a stitch is invalid. Returned by `build()` only.
    Config,
    /// The input of a call does not fit its declaration. Nothing was sent.
    Input,
    /// The throttle has no slot, or no concurrency permit, within the deadline and the longest wait of the call. The
    /// attempt sent nothing. [`Error::retry_after`] states when a slot may be free; it is `None` if a concurrency
    /// permit is missing. A refused retry ends the call with the failure that caused the retry instead.
    ///
    /// [`Error::retry_after`]: crate::Error::retry_after
    Throttled,
    /// The [circuit](crate::Circuit) is open, because the API failed recently; [`Error::retry_after`] states when the
    /// next probe (a call that tests the API) is due. The attempt sent nothing. A refused retry ends the call with the
    /// failure that caused the retry instead.
    ///
    /// [`Error::retry_after`]: crate::Error::retry_after
    CircuitOpen,
    /// The auth strategy could not prepare, apply or replace the credential of a request. That request was not sent.
    Auth,
    /// No complete response arrived, because the connection failed or broke.
    Transport,
    /// The deadline of the call passed, or its last attempt received no complete response within its time limit.
    Timeout,
    /// The API responded with a status other than success; [`Error::response`](crate::Error::response) holds the
    /// response.
    Status,
    /// The response could not be decoded into the declared type; [`Error::response`](crate::Error::response) holds it.
    Decode,
    /// The body of the response is larger than the [limit](crate::SeamBuilder::body_limit).
    TooLarge,
    /// The store failed, and the call could not proceed without it. The attempt sent nothing.
    Store,
    /// The seam is [shut down](crate::Seam::shutdown). The attempt sent nothing.
    ShutDown,
}
