//! Running the contract and reporting the result.
//!
//! [`verify_store_contract`] runs every [`Clause`] of the table on a driver's clients and returns a [`ContractReport`]. The
//! checks themselves are in `clauses`, what they work with is in `harness`.

mod clause;
mod report;
mod table;
mod verify;

pub use clause::{Clause, Facet};
pub use report::{ContractReport, Outcome};
pub use verify::verify_store_contract;
