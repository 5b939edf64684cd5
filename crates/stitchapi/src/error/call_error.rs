//! The error of a failed call or declaration.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use stitchapi_core::{StoreError, TransportError, TransportErrorKind};

use super::{ErrorKind, ErrorResponse};

/// Any error type, boxed.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Result of building a seam or a stitch, and of calling a stitch.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error of a call or a declaration, one pointer wide.
///
/// Its text names the stitch and states what failed. It never contains a secret, a query value or a body. The cause is
/// in [`source`](StdError::source).
///
/// ```
/// use stitchapi::{ErrorKind, Seam};
///
/// let error = Seam::builder("not a URL").build().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Config);
/// assert!(!error.is_retryable());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    stitch: Option<Arc<str>>,
    attempts: u32,
    retry_after: Option<Duration>,
    retryable: bool,
    response: Option<ErrorResponse>,
    source: Option<BoxError>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
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

    pub(crate) fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    pub(crate) fn input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    fn store(source: impl Into<BoxError>, retryable: bool, retry_after: Option<Duration>) -> Self {
        Self::new(ErrorKind::Store, "the store failed")
            .with_retryable(retryable)
            .with_retry_after(retry_after)
            .with_source(source)
    }

    pub(crate) fn shut_down() -> Self {
        Self::new(ErrorKind::ShutDown, "the seam is shut down")
    }

    /// Returns a copy for another caller that waited for the same result. The source of an error cannot be cloned, so
    /// the copy gets `source` instead.
    pub(crate) fn copy_with_source(&self, source: Option<impl StdError + Send + Sync + 'static>) -> Self {
        let Inner { kind, message, stitch, attempts, retry_after, retryable, response, source: _ } = &*self.0;
        Self(Box::new(Inner {
            kind: *kind,
            message: message.clone(),
            stitch: stitch.clone(),
            attempts: *attempts,
            retry_after: *retry_after,
            retryable: *retryable,
            response: response.clone(),
            source: source.map(|source| Box::new(source) as BoxError),
        }))
    }

    /// Removes from the response the data of the caller that sent the request: the cookies and, unless `keep_body`, the
    /// body.
    pub(crate) fn redacted_for_other_caller(mut self, keep_body: bool) -> Self {
        if let Some(response) = &mut self.0.response {
            response.redact(keep_body);
        }
        self
    }

    /// Returns the message without the name of the stitch.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
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

    /// Returns the kind of the failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns `true` if the same call may succeed later: it was throttled or timed out, its circuit is open, the
    /// connection failed or broke, the store or the login service may recover, or the status is 429, 502, 503 or 504.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Returns the time to wait before the next call, if the API, the login service, the throttle, the circuit or the
    /// store states it.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the number of requests that the call sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Returns the name of the stitch that was called or built; `None` for an error of a seam.
    #[must_use]
    pub fn stitch(&self) -> Option<&str> {
        self.0.stitch.as_deref()
    }

    /// Returns the status of the API's response, if one arrived.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.response().map(|response| response.status)
    }

    /// Returns the API's response, if one arrived.
    #[must_use]
    pub fn response(&self) -> Option<&ErrorResponse> {
        self.0.response.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.stitch {
            Some(stitch) => write!(f, "{stitch}: {}", self.0.message),
            None => f.write_str(&self.0.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
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
        let (retryable, retry_after) = (error.is_retryable(), error.retry_after());
        Self::store(error, retryable, retry_after)
    }
}

/// Converts the failure of a store operation that several callers waited for and share.
impl From<Arc<StoreError>> for Error {
    fn from(error: Arc<StoreError>) -> Self {
        let (retryable, retry_after) = (error.is_retryable(), error.retry_after());
        Self::store(error, retryable, retry_after)
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        let retryable = error.kind() != TransportErrorKind::Other;
        Self::new(ErrorKind::Transport, "no response from the API").with_retryable(retryable).with_source(error)
    }
}
