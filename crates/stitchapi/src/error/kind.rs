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
    /// The throttle has no slot or concurrency permit within the bounds of the call; [`Error::retry_after`] states when
    /// it could have one. Nothing was sent. A retry that gets no slot ends the call with the response that caused the
    /// retry instead.
    ///
    /// [`Error::retry_after`]: crate::Error::retry_after
    Throttled,
    /// The [circuit](crate::Circuit) is open, because the API failed recently; [`Error::retry_after`] states when the
    /// next probe is due. Nothing was sent. A retry that finds the circuit open ends the call with the failure that
    /// caused the retry instead.
    ///
    /// [`Error::retry_after`]: crate::Error::retry_after
    CircuitOpen,
    /// The strategy could not prepare a credential. This attempt sent nothing.
    Auth,
    /// No response arrived: the connection failed or broke.
    Transport,
    /// The deadline of the call passed, or the timeout of its last attempt.
    Timeout,
    /// The API responded with a status other than success; [`Error::response`](crate::Error::response) holds the response.
    Status,
    /// The response could not be decoded into the declared type; [`Error::response`](crate::Error::response) holds it.
    Decode,
    /// The body of the response is larger than the limit.
    TooLarge,
    /// The store failed, and the call could not proceed without it. This attempt sent nothing.
    Store,
    /// The seam is [shut down](crate::Seam::shutdown). This attempt sent nothing.
    ShutDown,
}
