//! The store of a seam, as the rest of the library uses it.
//!
//! [`Client`] makes the operations of the store and of its facets (its optional abilities). It bounds each operation in
//! time and emits each failure as an event; the layers above never use a `StitchStore` directly. `fit_key` shortens
//! keys that the store would refuse. [`LeaseGuard`] (a lease that is held and renewed) and [`Record`] (a versioned
//! value) use the client. [`PollInterval`] says how soon a waiter asks again, and [`OutageTracker`] when to try a store
//! that has failed.

mod client;
mod fit_key;
mod lease_guard;
mod outage_tracker;
mod poll;
mod record;

pub(crate) use client::Client;
pub(crate) use lease_guard::{Acquired, LeaseGuard};
pub(crate) use outage_tracker::{OutageTracker, PROBE_INTERVAL};
pub(crate) use poll::PollInterval;
pub(crate) use record::{Record, Stored};
