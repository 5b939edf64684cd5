//! The [`Runtime`](stitchapi_core::Runtime)s of this crate: the only place where clocks are read and tasks are spawned.

mod deadline;
#[cfg(feature = "tokio")]
mod tokio;

pub(crate) use deadline::{TimeUp, within};
#[cfg(feature = "tokio")]
pub use tokio::TokioRuntime;
