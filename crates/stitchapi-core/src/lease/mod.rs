//! Leases, exactly: who holds a place, who waits for one, and in what order, without a clock and without a store.
//!
//! What is lent under one key is a [`LeaseCell`] in a store. [`transition`] has the three changes of it; a store runs one
//! atomically on its own time.

mod cell;
pub mod transition;

use std::time::Duration;

pub use cell::{Holder, LeaseCell, LeaseCellError, Waiter};

/// The answer to [`Leases::acquire`](crate::Leases::acquire).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a lease that is held must be released"]
pub enum Lease {
    /// The owner holds a place.
    Held {
        /// Larger than every fence given before.
        fence: u64,
    },
    /// No place is free.
    Busy {
        /// When one will be, if nobody gives one back before and nobody renews.
        retry_after: Duration,
    },
}
