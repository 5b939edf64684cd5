//! Throttled fleets of real processes over real stores, and the judge of what they did.
//!
//! A [`Fleet`](fleet::Fleet) is four processes of the program `lab-worker`, which call one stitch through one throttle and
//! print what happens. A test starts it, mistreats it or its [`Server`](server::Server), and hears it to the end. From its
//! [`Record`](record::Record) it is judged twice:
//!
//! * **Exact** ([`judge`]): no window of it, wherever it begins, holds more than is [promised](promise). One start too many
//!   is a failure, whatever the machine did.
//! * **Used, even, fair, prompt** ([`usage`]): only what a machine that keeps time can show. During each run a timer of
//!   the test's own [measures the machine](machine); if it did not keep time, the fleet is [run](run::exact) once again.
//!
//! The tests are run by `cargo xtask test throttle`, one after the other, which says by a variable that this is the
//! [laboratory](lab::is_here) and by others where Redis, nginx and libfaketime are. Anywhere else they say that they are
//! skipped, since they take minutes.

#![expect(clippy::unwrap_used, reason = "a library for tests: a failed unwrap is a failed test")]

pub mod clock;
pub mod faketime;
pub mod fleet;
pub mod judge;
pub mod lab;
pub mod machine;
pub mod nginx;
pub mod promise;
pub mod record;
pub mod redis;
pub mod run;
pub mod running;
pub mod said;
pub mod server;
pub mod store;
pub mod upstream;
pub mod usage;
