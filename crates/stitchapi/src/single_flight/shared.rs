//! The failure of a flight, as each of its callers has it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What is behind a failure that several callers share: the error that `source` finds in it.
#[derive(Debug)]
pub(crate) struct SharedSource<F> {
    failure: Arc<F>,
    source: fn(&F) -> Option<&(dyn Error + 'static)>,
}

impl<F> SharedSource<F> {
    /// `None` if nothing is behind it.
    pub(crate) fn of(failure: Arc<F>, source: fn(&F) -> Option<&(dyn Error + 'static)>) -> Option<Self> {
        source(&failure)?;
        Some(Self { failure, source })
    }
}

impl<F> fmt::Display for SharedSource<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what several calls waited for")
    }
}

impl<F: fmt::Debug> Error for SharedSource<F> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        (self.source)(&self.failure)
    }
}
