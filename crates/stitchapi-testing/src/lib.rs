#![doc = include_str!("../README.md")]

mod clauses;
mod contract;
mod fleet;
mod processes;
mod runtime;
mod transport;

pub use contract::{Clause, ContractOptions, ContractReport, Facet, Outcome, verify_store_contract};
pub use fleet::{
    Allowance, Counterexample, Fault, FaultKind, FleetReport, Promise, SimFleet, SimStore, SimUpstream, Start, Window,
    Worker, WorkerRuntime,
};
pub use processes::{Part, Processes, UnknownPart};
pub use runtime::{SimRuntime, StdRuntime, TestBinary};
pub use transport::MockTransport;
