//! A simulated fleet: several processes on one virtual clock over one store.
//!
//! In: a [`SimFleet`] with a seed, latencies, losses and faults, and what each [`Worker`] does. Out: a [`FleetReport`] with
//! every start, which a [`Promise`] validates. The tests of the throttle run on it.
//! Bottom to top: `start`, `fault`, `clock` → `network` → `sim_store`, `worker_runtime`, `upstream` → `worker` →
//! `report` → `promise`, `sim_fleet`.

mod clock;
mod fault;
mod network;
mod promise;
mod report;
mod sim_fleet;
mod sim_store;
mod start;
mod upstream;
mod worker;
mod worker_runtime;

pub use fault::{Fault, FaultKind};
pub use promise::{Allowance, Counterexample, Promise, Window};
pub use report::FleetReport;
pub use sim_fleet::SimFleet;
pub use sim_store::SimStore;
pub use start::Start;
pub use upstream::SimUpstream;
pub use worker::Worker;
pub use worker_runtime::WorkerRuntime;
