//! Throttles: how fast calls may start and how many run at once, in one process or in a whole fleet if the seam has a store.
//!
//! `declaration/` has the public types. [`BucketRegistry`] makes a [`Bucket`] of each declaration; a bucket has a rate limit
//! and, if declared, a concurrency limit. `docs/pacing.md` explains the algorithm.
//!
//! The path of one permit without a store:
//!
//! 1. `seam/permit.rs`: passes the cost to the seam's throttle
//! 2. `registry.rs`: returns the bucket of the caller's principal
//! 3. `bucket.rs`: converts the cost into units
//! 4. `rate_limit.rs`: takes the lock, or waits
//! 5. `pacing/planner.rs`: starts the call if no other call waits
//! 6. `pacing/in_process_pacer.rs`: draws the units
//! 7. `permit.rs`: wraps the start
//!
//! With a store:
//!
//! 1. `seam/permit.rs`: passes the cost to the seam's throttle
//! 2. `registry.rs`: returns the bucket of the caller's principal
//! 3. `bucket.rs`: converts the cost into units
//! 4. `rate_limit.rs`: queues the caller; its future returns the start
//! 5. `fair_queue.rs`: stores the waiter in its flow
//! 6. `agent.rs`: runs steps while callers wait
//! 7. `pacing/planner.rs`: gives due slots (booked start times) to waiters, and plans the next request
//! 8. `pacing/cell_source.rs`: creates a reserve request for the waiters without a slot
//! 9. `cell_client.rs`: sends it to the bucket's cell (its state in the store)
//! 10. `store/client.rs`: bounds the operation in time
//! 11. `pacing/cell_view.rs`: checks the bookings, converts their times
//! 12. `pacing/slot_allocator.rs`: gives the due slot to the waiter

mod agent;
mod bucket;
mod cell_client;
mod concurrency;
mod context;
mod cooldown;
mod counting;
mod declaration;
mod fair_queue;
mod pacing;
mod permit;
mod rate_limit;
mod registry;
mod settings;
mod status;
mod units;

pub(crate) use bucket::Bucket;
pub(crate) use concurrency::ConcurrencyPermit;
pub(crate) use context::ThrottleContext;
pub use declaration::{Cost, Rate, RateError, Scope, Throttle};
pub use permit::Permit;
pub(crate) use rate_limit::Start;
pub(crate) use registry::{BucketHandle, BucketRegistry, flow};
pub(crate) use settings::WaitBounds;
pub use status::{BucketStatus, ConcurrencyStatus, LimitStatus, ThrottleStatus};
pub(crate) use units::Units;
