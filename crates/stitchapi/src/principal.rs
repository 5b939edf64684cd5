//! The user of the application for whom a call is made.

use std::fmt;
use std::sync::Arc;

/// User of the application for whom calls are made: see [`Seam::as_principal`](crate::Seam::as_principal).
///
/// Store keys contain only a hash of the id, and `Debug` does not show the id.
///
/// ```
/// use stitchapi::Principal;
///
/// let user = Principal::new("user-42");
/// assert_eq!(user.as_str(), "user-42");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// Creates the principal with this id: any text that is unique per user and never reassigned to another user.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// Returns the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Principal {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for Principal {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Principal(..)")
    }
}
