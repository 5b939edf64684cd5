//! Fleets of real processes that share one throttle over a real store, and the checks of what the fleets did.
//!
//! A [`Fleet`](fleet::Fleet) is four processes of the program `lab-worker`, which call one stitch through one throttle and
//! print every start, call and event. A test starts a fleet, disturbs it or its [`Server`](server::Server), and waits for
//! its [`Record`](record::Record). The record is checked twice:
//!
//! * **Exact** ([`windows`]): no window of time holds more starts than are [promised](promise). One start too many is a
//!   failure on any machine.
//! * **Used, even, fair, prompt** ([`usage`]): these can be checked only on a machine that keeps time. A timer in the test
//!   [measures the machine](machine) during each run; if the machine did not keep time, the fleet
//!   [runs once more](measured::run_exact).
//!
//! `cargo xtask test throttle` runs the tests one after the other. Environment variables enable them
//! ([`extent`]) and name the programs of Redis and nginx and the library libfaketime. Without these variables the tests
//! print that they are skipped, because they take minutes.

#![expect(clippy::unwrap_used, reason = "a library for tests: a failed unwrap is a failed test")]

pub mod clock;
pub mod extent;
pub mod faketime;
pub mod fleet;
pub mod machine;
pub mod measured;
pub mod message;
pub mod nginx;
pub mod promise;
pub mod record;
pub mod redis;
pub mod running_fleet;
pub mod server;
pub mod store;
pub mod upstream;
pub mod usage;
pub mod windows;
