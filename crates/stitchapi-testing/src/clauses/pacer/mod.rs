//! Cells: bookings, corrections, holds, lost state, outages.

pub(crate) mod booking;
pub(crate) mod clock;
pub(crate) mod corrections;
pub(crate) mod hold;
pub(crate) mod loss;
pub(crate) mod process_count;
pub(crate) mod rejoin;
pub(crate) mod requests;
pub(crate) mod vectors;
