//! Leases as pure functions, without a clock and without a store. A lease is a right that expires unless its holder
//! renews it.
//!
//! All holders and waiters under one key are one [`LeaseCell`] in a store. The functions of [`transition`] take the
//! stored cell and the store's time, and return a reply and the cell to write. A store runs each function atomically.

mod cell;
mod reply;
pub mod transition;

pub use cell::{Holder, LeaseCell, LeaseCellError, Waiter};
pub use reply::Lease;
