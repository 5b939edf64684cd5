//! Implementations of [`Runtime`](stitchapi_core::Runtime), and helpers over any of them.
//!
//! This folder is the only place of the library where clocks are read and tasks are spawned.

mod deadline;
#[cfg(feature = "tokio")]
mod tokio;
mod yield_once;

pub(crate) use deadline::{TimeUp, within};
#[cfg(feature = "tokio")]
pub use tokio::TokioRuntime;
pub(crate) use yield_once::yield_once;
