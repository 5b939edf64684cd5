//! A fleet on a virtual clock, over a store that has every trouble a store can have.

mod clock;
mod fault;
mod links;
mod promise;
mod report;
mod sim_fleet;
mod sim_store;
mod upstream;
mod worker;

pub use fault::{Fault, FaultKind};
pub use promise::{Allowance, Counterexample, Promise, Window};
pub use report::{FleetReport, Start};
pub use sim_fleet::SimFleet;
pub use sim_store::SimStore;
pub use upstream::SimUpstream;
pub use worker::{Worker, WorkerRuntime};
