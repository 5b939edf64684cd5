//! Concurrency limits: the calls that may run at once, in this process or, on a store with leases, in the fleet.
//!
//! A call acquires a [`ConcurrencyPermit`] from the [`ConcurrencyLimit`] of its bucket before it waits for a slot (its
//! start time under the rate limit), and drops the permit when its response has been read. On a store each permit is a
//! lease. In each process one [agent](super::agent) per limit acquires leases for all callers that wait, renews the
//! leases in use, and releases the others. The agent stops when no caller waits and no permit is in use.
//!
//! Read on: `limit.rs` (callers), `state.rs` (queue, pure), `lease_pool.rs` (leases and outages, pure).

mod lease_pool;
mod lease_request;
mod limit;
mod settings;
mod state;

pub(crate) use limit::{ConcurrencyLimit, ConcurrencyPermit};
