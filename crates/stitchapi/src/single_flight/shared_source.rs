//! The source of a failure that several callers of a flight share.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The source of a shared failure, as a part of the error of one caller. Each caller has an error of its own, but a
/// source cannot be cloned, so all these errors refer to the source of the one failure.
#[derive(Debug)]
pub(crate) struct SharedSource<F> {
    failure: Arc<F>,
    source: fn(&F) -> Option<&(dyn Error + 'static)>,
}

impl<F> SharedSource<F> {
    /// Creates the reference to the error that `source` returns for `failure`. Returns `None` if `source` returns
    /// `None`.
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
