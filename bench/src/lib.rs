//! What the programs that measure have in common.

pub mod figures;
pub mod server;
pub mod transport;
