//! Leases as pure transitions: holders, waiters and their order, without a clock and without a store.
//!
//! The leases under one key are a [`LeaseCell`] in a store. [`transition`] computes its three changes; a store runs each
//! of them atomically, at its own time.

mod cell;
mod reply;
pub mod transition;

pub use cell::{Holder, LeaseCell, LeaseCellError, Waiter};
pub use reply::Lease;
