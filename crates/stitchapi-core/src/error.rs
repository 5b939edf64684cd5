//! The error of a store operation.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Kind of a [`StoreError`]. It decides whether a repetition can succeed ([`StoreError::is_retryable`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The backend lacks a feature that the operation needs.
    Unsupported,
    /// An argument or a setting is invalid, such as a ttl of zero or a malformed address.
    InvalidConfig,
    /// The store cannot be reached, or refuses operations for now.
    Unavailable,
    /// No reply arrived in time. The operation may have been done.
    Timeout,
    /// At every attempt to change the value, another process changed it first.
    Contended,
    /// The store refused the login, or denied permission for the operation.
    Denied,
    /// A key or a value is longer than the store accepts. Nothing was done.
    TooLarge,
    /// The value under the key is damaged, is of another kind, or has a newer format. It was not changed.
    Corrupt,
    /// Any other failure.
    Other,
}

/// Failure of an operation on a store.
///
/// * The text names the operation, the store and the reason. It contains no secret, no whole key and no query.
/// * The error of the backend's client is kept whole as [`Error::source`].
/// * The type is as wide as a pointer, so that a `Result` stays small.
///
/// A driver creates each error in one place:
///
/// ```
/// use stitchapi_core::{StoreError, StoreErrorKind};
///
/// fn connection_failed(error: std::io::Error, operation: &'static str) -> StoreError {
///     StoreError::new(StoreErrorKind::Unavailable, "mine", operation)
///         .with_reason("no connection to the server")
///         .with_source(error)
/// }
///
/// let error = connection_failed(std::io::ErrorKind::ConnectionRefused.into(), "incr");
/// assert_eq!(
///     error.to_string(),
///     "incr on the mine store failed: the store is unavailable: no connection to the server"
/// );
/// assert!(error.is_retryable());
/// ```
pub struct StoreError(Box<Inner>);

struct Inner {
    kind: StoreErrorKind,
    store: &'static str,
    operation: &'static str,
    reason: Option<&'static str>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// Creates an error of `operation` on the store with this [name](crate::StitchStore::name).
    #[must_use]
    pub fn new(kind: StoreErrorKind, store: &'static str, operation: &'static str) -> Self {
        Self(Box::new(Inner { kind, store, operation, reason: None, retry_after: None, source: None }))
    }

    /// Adds a reason to the text: lower case, no full stop, and no part of a key or a value.
    #[must_use]
    pub fn with_reason(mut self, reason: &'static str) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// Keeps the error of the backend's client as the source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Replaces the operation by the one that the caller requested, if the error names only a step of it.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation = operation;
        self
    }

    /// Sets the time after which the store accepts the operation again, if the store stated one.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Returns the kind of the failure.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.0.kind
    }

    /// Returns `true` if the same operation may succeed later: for [`Unavailable`](StoreErrorKind::Unavailable),
    /// [`Timeout`](StoreErrorKind::Timeout) and [`Contended`](StoreErrorKind::Contended). A refused login is never
    /// retryable.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Timeout | StoreErrorKind::Contended)
    }

    /// Returns the time after which the store accepts the operation again, if the store stated one.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the name of the store.
    #[must_use]
    pub fn store(&self) -> &'static str {
        self.0.store
    }

    /// Returns the operation that failed: `get`, `incr`, `reserve`, ...
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { store, operation, reason, .. } = &*self.0;
        let kind = match self.kind() {
            StoreErrorKind::Unsupported => "the store does not support it",
            StoreErrorKind::InvalidConfig => "an argument or a setting is invalid",
            StoreErrorKind::Unavailable => "the store is unavailable",
            StoreErrorKind::Timeout => "no reply in time, the operation may have been done",
            StoreErrorKind::Contended => "other processes won every race for the key",
            StoreErrorKind::Denied => "the store denied access",
            StoreErrorKind::TooLarge => "the key or the value is too large",
            StoreErrorKind::Corrupt => "the stored value is damaged or of another kind",
            StoreErrorKind::Other => "an unexpected error",
        };
        write!(f, "{operation} on the {store} store failed: {kind}")?;
        if let Some(reason) = reason {
            write!(f, ": {reason}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("kind", &self.0.kind)
            .field("store", &self.0.store)
            .field("operation", &self.0.operation)
            .field("reason", &self.0.reason)
            .field("retry_after", &self.0.retry_after)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_wide_and_keeps_its_source() {
        assert_eq!(size_of::<StoreError>(), size_of::<usize>());
        let error = StoreError::new(StoreErrorKind::Unavailable, "redis", "reserve").with_source("connection refused");
        assert_eq!(error.to_string(), "reserve on the redis store failed: the store is unavailable");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("connection refused"));
        assert!(error.is_retryable());
    }

    #[test]
    fn a_refused_login_is_never_retryable() {
        assert!(!StoreError::new(StoreErrorKind::Denied, "redis", "get").is_retryable());
    }
}
