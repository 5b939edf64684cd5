//! The store of a seam, as the rest of the library uses it.
//!
//! [`Client`] carries every operation of every facet: bounded in time, each failure an event. Callers above never hold a
//! `StitchStore` themselves. `fit_key` shortens keys that the store would refuse. On the client stand a lease that is held
//! and renewed ([`LeaseGuard`]) and a versioned value ([`Record`]). [`PollInterval`] says how soon a waiter asks again, and
//! [`HealthProbe`] when to try a store that has failed.

mod client;
mod fit_key;
mod health;
mod lease_guard;
mod poll;
mod record;

pub(crate) use client::Client;
pub(crate) use health::{HealthProbe, PROBE_INTERVAL};
pub(crate) use lease_guard::{Acquired, LeaseGuard};
pub(crate) use poll::PollInterval;
pub(crate) use record::{Record, Stored};
