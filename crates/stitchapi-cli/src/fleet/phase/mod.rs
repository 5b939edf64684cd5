//! One phase of a run: starts the worker processes, lets them start at the same time, and records what they report.
//!
//! In: a [`PhasePlan`]. Out: a [`PhaseRecord`]. `run.rs` in the parent folder runs one phase without and one with the
//! store. Read on in `run.rs`, then `worker_process.rs`.

mod kill;
mod plan;
mod progress;
mod record;
mod run;
mod worker_process;
mod worker_record;

pub(super) use kill::KillSwitch;
pub(super) use plan::PhasePlan;
pub(super) use record::PhaseRecord;
pub(super) use run::run_phase;
pub(super) use worker_record::{SharedRequestSpan, WorkerRecord};
