//! The store of a seam, as the rest of the library uses it.
//!
//! [`Client`] carries every operation of every facet: bounded in time, each failure an event. Callers above never hold a
//! `StitchStore` themselves. `fit_key` shortens keys that the store would refuse. On the client stand a lease that is held
//! and renewed ([`LeaseGuard`]) and a versioned value ([`Record`]).

mod client;
mod fit_key;
mod lease_guard;
mod record;

pub(crate) use client::Client;
pub(crate) use lease_guard::{Acquired, LeaseGuard};
pub(crate) use record::{Record, Stored};
