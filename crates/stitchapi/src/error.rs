//! Why a call failed.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::de::DeserializeOwned;
use stitchapi_core::{StoreError, TransportError, TransportErrorKind};

/// Any error at all.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// The result of building a seam or a stitch, and of calling one.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The declaration of a seam or a stitch is wrong: from `build()` only.
    Config,
    /// The input of a call does not fit its declaration. Nothing was sent.
    Input,
    /// The throttle cannot let the call start in time: [`Error::retry_after`] says when it could. Nothing was sent: where a
    /// retry gets no slot, the call fails with the answer that asked for it.
    Throttled,
    /// The [circuit](crate::Circuit) is open: the API was down lately, and [`Error::retry_after`] says when to ask again.
    /// Nothing was sent: a retry that finds it open ends the call with the failure that it was to make good.
    CircuitOpen,
    /// No credential could be made ready. Nothing was sent by this attempt.
    Auth,
    /// No answer came: no connection, or it broke.
    Transport,
    /// Time was up: that of the call, or that of its last attempt.
    Timeout,
    /// The API answered with a status that is no success: [`Error::response`] has it.
    Status,
    /// The answer is not what the stitch declares: [`Error::response`] has it.
    Decode,
    /// The answer is larger than the limit.
    TooLarge,
    /// The store failed where the call could not go on without it. Nothing was sent by this attempt.
    Store,
    /// The seam has been [shut down](crate::Seam::shutdown). Nothing was sent by this attempt.
    ShutDown,
}

/// A failed call or declaration, one word wide.
///
/// Its text names the stitch and says what was attempted; it never holds a secret, a query value or a body.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    what: Cow<'static, str>,
    stitch: Option<Arc<str>>,
    attempts: u32,
    retry_after: Option<Duration>,
    retryable: bool,
    response: Option<ErrorResponse>,
    source: Option<BoxError>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, what: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            what: what.into(),
            stitch: None,
            attempts: 0,
            retry_after: None,
            retryable: matches!(
                kind,
                ErrorKind::Throttled | ErrorKind::CircuitOpen | ErrorKind::Transport | ErrorKind::Timeout
            ),
            response: None,
            source: None,
        }))
    }

    pub(crate) fn config(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, what)
    }

    pub(crate) fn shut_down() -> Self {
        Self::new(ErrorKind::ShutDown, "the seam has been shut down")
    }

    pub(crate) fn input(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Input, what)
    }

    /// A failure that several callers share, for one of them, with what is behind it.
    pub(crate) fn of_flight(&self, source: Option<impl StdError + Send + Sync + 'static>) -> Self {
        let Inner { kind, what, stitch, attempts, retry_after, retryable, response, source: _ } = &*self.0;
        Self(Box::new(Inner {
            kind: *kind,
            what: what.clone(),
            stitch: stitch.clone(),
            attempts: *attempts,
            retry_after: *retry_after,
            retryable: *retryable,
            response: response.clone(),
            source: source.map(|source| Box::new(source) as BoxError),
        }))
    }

    /// For a caller that has not made the request: without cookies, and without the body unless it is for the same user.
    pub(crate) fn for_another(mut self, with_body: bool) -> Self {
        if let Some(response) = &mut self.0.response {
            response.headers.remove(header::SET_COOKIE);
            if !with_body {
                response.body = Bytes::new();
            }
        }
        self
    }

    /// What was attempted.
    pub(crate) fn what(&self) -> &str {
        &self.0.what
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_stitch(mut self, stitch: &Arc<str>) -> Self {
        self.0.stitch = Some(stitch.clone());
        self
    }

    pub(crate) fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    pub(crate) fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.0.retry_after = after;
        self
    }

    pub(crate) fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    pub(crate) fn with_response(mut self, response: ErrorResponse) -> Self {
        self.0.response = Some(response);
        self
    }

    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later: refused, a circuit open, timed out, no answer, a store that may come back, or a status
    /// that says so (429, 502, 503, 504).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// How long to wait before trying again, if the API, the throttle, the circuit or the store said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How many requests were sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The name of the stitch that was called.
    #[must_use]
    pub fn stitch(&self) -> Option<&str> {
        self.0.stitch.as_deref()
    }

    /// The status of the API's answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.response().map(|response| response.status)
    }

    /// The API's answer, if there was one.
    #[must_use]
    pub fn response(&self) -> Option<&ErrorResponse> {
        self.0.response.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.stitch {
            Some(stitch) => write!(f, "{stitch}: {}", self.0.what),
            None => f.write_str(&self.0.what),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("what", &self.0.what)
            .field("stitch", &self.0.stitch)
            .field("attempts", &self.0.attempts)
            .field("retry_after", &self.0.retry_after)
            .field("response", &self.0.response)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let retryable = error.is_retryable();
        Self::new(ErrorKind::Store, "the store failed")
            .with_retryable(retryable)
            .with_retry_after(error.retry_after())
            .with_source(error)
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        let retryable = error.kind() != TransportErrorKind::Other;
        Self::new(ErrorKind::Transport, "no answer from the API").with_retryable(retryable).with_source(error)
    }
}

/// The answer of an API that was no success, or not what the stitch declares.
#[derive(Clone)]
pub struct ErrorResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most the first 64 KiB.
    pub body: Bytes,
}

/// So much of a body is kept with an error.
pub(crate) const ERROR_BODY: usize = 64 << 10;

impl ErrorResponse {
    pub(crate) fn new(parts: Parts, mut body: Bytes) -> Self {
        body.truncate(ERROR_BODY);
        Self { status: parts.status, headers: parts.headers, body }
    }

    /// The body as the API's own error type.
    ///
    /// # Errors
    ///
    /// If the body is not that.
    pub fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body)
    }
}

/// Neither the body nor a header's value is shown: both may hold secrets.
impl fmt::Debug for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("ErrorResponse")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}
