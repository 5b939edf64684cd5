#![doc = include_str!("../README.md")]

mod clauses;
mod contract;
mod processes;
mod runtime;
mod transport;

pub use contract::{Clause, ContractOptions, ContractReport, Facet, Outcome, verify_store_contract};
pub use processes::{Part, Processes, UnknownPart};
pub use runtime::{SimRuntime, StdRuntime, TestBinary};
pub use transport::MockTransport;
