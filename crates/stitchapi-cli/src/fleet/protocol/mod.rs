//! Line protocol between the parent process and a worker process.
//!
//! The parent writes an [`Assignment`] and `go TICK` to the worker's standard input; the worker writes one
//! [`WorkerMessage`] per line to its standard output. `phase/worker_process.rs` is the parent's side, `worker/run.rs`
//! the worker's side.

mod assignment;
mod message;
mod shared_request;

pub(super) use assignment::{Assignment, FleetIdentity};
pub(super) use message::WorkerMessage;
pub(super) use shared_request::SharedRequest;
