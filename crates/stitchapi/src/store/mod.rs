//! The store of a seam, as the rest of the library uses it.
//!
//! [`Client`] carries every operation of every facet: bounded in time, each failure an event. Callers above never hold a
//! `StitchStore` themselves. `fit_key` shortens keys that the store would refuse. On the client stand a lease that is held
//! and renewed ([`LeaseGuard`]) and a versioned value ([`Record`]). [`PollInterval`] says how soon a waiter asks again, and
//! [`OutageTracker`] when to try a store that has failed.

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
