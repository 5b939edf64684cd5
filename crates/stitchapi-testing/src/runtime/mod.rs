//! The rooms where time, threads and processes are real, and the one where time is not.

mod random;
mod sim;
mod test_binary;
mod threads;

pub(crate) use random::Random;
pub use sim::SimRuntime;
pub use test_binary::TestBinary;
pub use threads::StdRuntime;
