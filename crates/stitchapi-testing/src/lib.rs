#![doc = include_str!("../README.md")]

mod clauses;
mod contract;
mod fleet;
mod harness;
mod processes;
mod random;
#[cfg(feature = "redis-server")]
mod redis_server;
mod runtime;
pub mod starts;
mod transport;

pub use contract::{Clause, ContractReport, Facet, Outcome, verify_store_contract};
pub use fleet::{
    Allowance, Counterexample, Fault, FaultKind, FleetReport, Promise, SimFleet, SimStore, SimUpstream, Start, Window,
    Worker, WorkerRuntime,
};
pub use harness::ContractOptions;
pub use processes::{Part, Processes, TestBinary, UnknownPart};
#[cfg(feature = "redis-server")]
pub use redis_server::RedisServer;
#[cfg(feature = "tokio")]
pub use runtime::TokioRuntime;
pub use runtime::{SimRuntime, StdRuntime};
pub use transport::MockTransport;
