//! Why an operation on a store failed.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// What sort of failure a [`StoreError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot do this at all.
    Unsupported,
    /// An argument or a setting is wrong: a ttl of zero, an address that is none.
    InvalidConfig,
    /// The store cannot be reached or refuses to work just now.
    Unavailable,
    /// No answer came in time; the operation may have been done.
    Timeout,
    /// Others kept winning the race for the key.
    Contended,
    /// The store does not know or does not trust us.
    Denied,
    /// A key or a value is longer than the store takes.
    TooLarge,
    /// The value under the key is not one of ours, or damaged. It has been left as it was.
    Corrupt,
    /// Anything else.
    Other,
}

/// A failed operation on a store, one word wide.
///
/// Its text names the store and the operation and never a secret, a whole key or a query. What the client said is
/// kept whole as [`Error::source`].
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
    /// A failure of `operation` on the store of that [name](crate::StitchStore::name).
    #[must_use]
    pub fn new(kind: StoreErrorKind, store: &'static str, operation: &'static str) -> Self {
        Self(Box::new(Inner { kind, store, operation, reason: None, retry_after: None, source: None }))
    }

    /// Says more: lower case, no full stop, and nothing of a key or a value.
    #[must_use]
    pub fn with_reason(mut self, reason: &'static str) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// Keeps the client's own error, whole.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Names the operation that the caller asked for, where a driver only knows the step below it.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation = operation;
        self
    }

    /// Says when the store wants to be asked again.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.0.kind
    }

    /// Whether the same operation may succeed later: [`Unavailable`](StoreErrorKind::Unavailable),
    /// [`Timeout`](StoreErrorKind::Timeout) and [`Contended`](StoreErrorKind::Contended). A wrong password never is.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Timeout | StoreErrorKind::Contended)
    }

    /// When the store wants to be asked again, if it said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The name of the store.
    #[must_use]
    pub fn store(&self) -> &'static str {
        self.0.store
    }

    /// The operation that failed: `get`, `incr`, `reserve`, ...
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { store, operation, reason, .. } = &*self.0;
        let what = match self.kind() {
            StoreErrorKind::Unsupported => "is not supported",
            StoreErrorKind::InvalidConfig => "was asked for with wrong arguments",
            StoreErrorKind::Unavailable => "failed: the store is unavailable",
            StoreErrorKind::Timeout => "got no answer in time",
            StoreErrorKind::Contended => "lost every race for the key",
            StoreErrorKind::Denied => "was denied",
            StoreErrorKind::TooLarge => "failed: the key or the value is too large",
            StoreErrorKind::Corrupt => "found a value that is not ours or is damaged",
            StoreErrorKind::Other => "failed",
        };
        write!(f, "{operation} on the {store} store {what}")?;
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
    fn it_is_one_word_wide_and_keeps_its_source() {
        assert_eq!(size_of::<StoreError>(), size_of::<usize>());
        let error = StoreError::new(StoreErrorKind::Unavailable, "redis", "reserve").with_source("connection refused");
        assert_eq!(error.to_string(), "reserve on the redis store failed: the store is unavailable");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("connection refused"));
        assert!(error.is_retryable());
    }

    #[test]
    fn a_refused_login_is_never_retried() {
        assert!(!StoreError::new(StoreErrorKind::Denied, "redis", "get").is_retryable());
    }
}
