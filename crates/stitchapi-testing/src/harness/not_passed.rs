//! Why a clause did not pass.

use std::error::Error;
use std::fmt::{Debug, Write as _};

use stitchapi_core::{StoreError, StoreErrorKind};

/// Result of a clause.
pub(crate) type ClauseResult = Result<(), NotPassed>;

/// Why a clause did not pass.
#[derive(Debug)]
pub(crate) enum NotPassed {
    /// The store breaks the clause: what was observed.
    Violated(String),
    /// The clause could not be judged this time: why.
    Skipped(String),
    /// The clause has no meaning for this store: why.
    NotApplicable(String),
}

impl NotPassed {
    /// Too much time has passed to be certain of anything.
    pub(crate) fn too_slow() -> Self {
        Self::Skipped("the store is too slow or the machine too busy to judge: raise `time_scale`".into())
    }
}

/// An operation that fails where the contract says that it succeeds violates the clause.
impl From<StoreError> for NotPassed {
    fn from(error: StoreError) -> Self {
        let mut observed = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let _ = write!(observed, ": {error}");
            source = error.source();
        }
        Self::Violated(observed)
    }
}

/// Ends the clause as violated with the formatted observation, unless the condition is true.
macro_rules! ensure {
    ($condition:expr, $($observed:tt)+) => {
        if !$condition {
            return Err($crate::harness::NotPassed::Violated(format!($($observed)+)));
        }
    };
}
pub(crate) use ensure;

/// Checks that an operation failed with an error of `kind`.
pub(crate) fn expect_error<T: Debug>(
    result: Result<T, StoreError>,
    kind: StoreErrorKind,
    operation: &str,
) -> ClauseResult {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => {
            Err(NotPassed::Violated(format!("{operation} failed with {:?}, expected {kind:?}", error.kind())))
        }
        Ok(value) => Err(NotPassed::Violated(format!("{operation} returned {value:?}, expected {kind:?}"))),
    }
}
