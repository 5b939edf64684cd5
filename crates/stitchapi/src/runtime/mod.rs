//! The [`Runtime`](stitchapi_core::Runtime)s of this crate: the only place where clocks are read and tasks are spawned.

#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "tokio")]
pub use tokio::TokioRuntime;
