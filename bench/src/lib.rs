//! Code that the benchmark programs share: statistics and tables, a Redis server, and a transport.

pub mod figures;
pub mod server;
pub mod transport;
