//! Runtimes for tests.
//!
//! [`SimRuntime`] has a virtual clock and replays a seed. [`StdRuntime`] runs on real time and `std` threads.
//! `TokioRuntime` (feature `tokio`) runs on real time and tokio tasks, for drivers whose client needs tokio.
//! All three implement [`Runtime`](stitchapi_core::Runtime).

mod one_step;
mod sim;
mod std_threads;
#[cfg(feature = "tokio")]
mod tokio_tasks;

pub(crate) use one_step::poll_one_step;
pub use sim::SimRuntime;
pub use std_threads::StdRuntime;
#[cfg(feature = "tokio")]
pub use tokio_tasks::TokioRuntime;
