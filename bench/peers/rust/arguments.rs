//! The command-line arguments of a worker.

/// Command-line arguments of a worker.
#[derive(Debug)]
pub struct WorkerArgs {
    /// URL of the server.
    pub url: String,
    /// Name of the budget that the fleet shares.
    pub key: String,
    /// Permits per second of the whole fleet.
    pub budget: u32,
    /// Number of tasks, each of which takes one permit after the other.
    pub tasks: usize,
}
