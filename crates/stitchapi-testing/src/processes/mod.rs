//! Running a part of a clause in several operating-system processes.
//!
//! A clause hands a [`Part`] to the driver's [`Processes`], which starts a process, runs the part there on another client
//! of the same backend, and returns the reply. [`TestBinary`] is the implementation for tests under libtest.

mod part;
mod runner;
mod test_binary;

pub(crate) use part::Task;
pub use part::{Part, UnknownPart};
pub use runner::Processes;
pub use test_binary::TestBinary;
