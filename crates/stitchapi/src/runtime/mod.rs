//! Implementations of [`Runtime`](stitchapi_core::Runtime), and helpers that work with any of them.
//!
//! The rest of the library reads clocks and spawns tasks only through the seam's runtime.

mod deadline;
#[cfg(feature = "tokio")]
mod tokio;
mod yield_once;

pub(crate) use deadline::{TimeUp, within};
#[cfg(feature = "tokio")]
pub use tokio::TokioRuntime;
pub(crate) use yield_once::yield_once;
