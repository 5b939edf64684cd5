//! One worker process: makes calls through the library's public API and reports each event to its parent.
//!
//! In: an assignment on standard input. Out: worker messages on standard output. `main` calls [`run_worker`]. Read on in
//! `run.rs` (lifetime of the process), `stitches.rs` (declared stitches) and `task.rs` (loop of one task).

mod run;
mod stitches;
mod task;

pub(crate) use run::run_worker;
