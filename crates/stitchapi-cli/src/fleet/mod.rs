//! `stitch fleet`: worker processes against a rate limit, first without a shared store, then with one.
//!
//! In: [`Options`] from the command line. Out: a table or JSON on standard output and optional files. `main` calls
//! [`run()`], and [`run_worker`] in each worker process. Read on in `run.rs`, then `phase/` (runs the workers), `worker/`
//! (a worker process), `upstream/` (the API that the workers call) and `report/`.

mod options;
mod phase;
mod protocol;
mod rate;
mod report;
mod run;
mod secrets;
mod store_spec;
mod upstream;
mod worker;

pub(crate) use options::Options;
pub(crate) use run::run;
pub(crate) use worker::run_worker;
