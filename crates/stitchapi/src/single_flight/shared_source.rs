//! The source of an error that several callers of a flight share.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The source of a shared failure, as the error of one of its callers refers to it: an error cannot be cloned, so that each
/// caller's error refers to the one failure.
#[derive(Debug)]
pub(crate) struct SharedSource<F> {
    failure: Arc<F>,
    source: fn(&F) -> Option<&(dyn Error + 'static)>,
}

impl<F> SharedSource<F> {
    /// Creates the reference to what `source` returns for `failure`; `None` if that is `None`.
    pub(crate) fn new(failure: Arc<F>, source: fn(&F) -> Option<&(dyn Error + 'static)>) -> Option<Self> {
        source(&failure)?;
        Some(Self { failure, source })
    }
}

impl<F> fmt::Display for SharedSource<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request that several calls waited for failed")
    }
}

impl<F: fmt::Debug> Error for SharedSource<F> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        (self.source)(&self.failure)
    }
}
