//! The failure of an authentication strategy, and the error of the call that it becomes.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{BoxError, Error, ErrorKind};
use crate::single_flight::SharedSource;

/// Why a credential could not be prepared, applied or replaced. Its text must not contain a secret.
///
/// ```
/// use std::time::Duration;
/// use stitchapi::auth::AuthError;
///
/// let error = AuthError::new("the login service responded 503")
///     .with_retryable(true)
///     .with_retry_after(Some(Duration::from_secs(5)));
/// assert!(error.is_retryable());
/// ```
#[derive(Debug)]
pub struct AuthError {
    what: String,
    retryable: bool,
    retry_after: Option<Duration>,
    source: Option<BoxError>,
}

impl AuthError {
    /// Creates an error that is not retryable. `what` says what failed: lower case, no full stop, no secret.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), retryable: false, retry_after: None, source: None }
    }

    /// Sets whether the same operation may succeed later.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// Returns `true` if the same operation may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// Sets the time to wait before the next attempt, as the login service stated it.
    #[must_use]
    pub fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }

    /// Returns the time to wait before the next attempt, if the login service stated one.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Sets the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Creates the error of one caller from a failure that several callers share; both have the same source.
    pub(super) fn from_shared(shared: &Arc<Self>) -> Self {
        let source = SharedSource::new(shared.clone(), StdError::source).map(|source| Box::new(source) as BoxError);
        Self { what: shared.what.clone(), retryable: shared.retryable, retry_after: shared.retry_after, source }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for AuthError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<AuthError> for Error {
    /// Converts the failure of a strategy into the error of the call, of kind [`ErrorKind::Auth`].
    fn from(error: AuthError) -> Self {
        Self::new(ErrorKind::Auth, "no credential could be prepared")
            .with_retryable(error.is_retryable())
            .with_retry_after(error.retry_after())
            .with_source(error)
    }
}
