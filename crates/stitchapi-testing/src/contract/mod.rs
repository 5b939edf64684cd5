//! Running the contract: what is asked for, what each clause gets, and what is reported.

mod clause;
mod expiry;
mod options;
mod report;
mod scene;
mod trouble;
mod verify;

pub use clause::{Clause, Facet};
pub(crate) use expiry::{End, Life};
pub use options::ContractOptions;
pub(crate) use options::Facility;
pub use report::{ContractReport, Outcome};
pub(crate) use scene::{Client, Scene};
pub(crate) use trouble::{Checked, Trouble, ensure, refused};
pub use verify::verify_store_contract;
