//! Why a clause did not pass.

use std::error::Error;
use std::fmt::{Debug, Write as _};

use stitchapi_core::{StoreError, StoreErrorKind};

/// What a clause ends with.
pub(crate) type Checked = Result<(), Trouble>;

/// Why a clause did not pass.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The store broke it: what was seen.
    Violated(String),
    /// It could not be judged this time.
    Skipped(String),
    /// It means nothing for this store.
    NotApplicable(String),
}

impl Trouble {
    /// Too much time has passed to say anything for certain.
    pub(crate) fn too_slow() -> Self {
        Self::Skipped("the store took too long to answer, or the machine is busy: raise `time_scale`".into())
    }
}

/// An operation that fails where the contract promises that it does not.
impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        let mut seen = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let _ = write!(seen, ": {error}");
            source = error.source();
        }
        Self::Violated(seen)
    }
}

/// Ends the clause as violated, with what was seen, unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($seen:tt)+) => {
        if !$holds {
            return Err($crate::contract::Trouble::Violated(format!($($seen)+)));
        }
    };
}
pub(crate) use ensure;

/// Checks that an operation was refused with an error of this kind.
pub(crate) fn refused<T: Debug>(result: Result<T, StoreError>, kind: StoreErrorKind, operation: &str) -> Checked {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(Trouble::Violated(format!("{operation} failed with {:?}, not {kind:?}", error.kind()))),
        Ok(value) => Err(Trouble::Violated(format!("{operation} gave {value:?}, not {kind:?}"))),
    }
}
