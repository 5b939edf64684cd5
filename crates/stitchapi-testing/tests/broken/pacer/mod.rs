//! Defects of the pacer.

pub(crate) mod booking;
pub(crate) mod corrections;
pub(crate) mod loss;
pub(crate) mod process_count;
pub(crate) mod rejoin;
