//! Defects of several facets.

pub(crate) mod clock_back;
pub(crate) mod contention;
pub(crate) mod sizes;
