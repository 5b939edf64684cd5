//! Throttled fleets of real processes over real stores, and the judge of what they did.
//!
//! The tests of this package are run by `cargo xtask test throttle`, which says by a variable that this is the
//! [laboratory](lab::is_here); anywhere else they say that they are skipped, since they take minutes.

#![expect(clippy::unwrap_used, reason = "a library for tests: a failed unwrap is a failed test")]

pub mod faketime;
pub mod fleet;
pub mod judge;
pub mod lab;
pub mod nginx;
pub mod promise;
pub mod record;
pub mod redis;
pub mod said;
pub mod upstream;
