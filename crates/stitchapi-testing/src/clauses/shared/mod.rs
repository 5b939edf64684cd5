//! Rules that hold for several facets: keys that belong to another facet, contention, several processes, a clock that is
//! set back.

pub(crate) mod clock_back;
pub(crate) mod contention;
pub(crate) mod foreign;
pub(crate) mod processes;
