//! A Redis server for one run, and what a test does with it.

use stitchapi_testing::RedisServer;

/// Starts the server that [`RedisServer::PROGRAM`] names, without persistence.
///
/// # Panics
///
/// If there is no program, or the server does not start.
#[must_use]
pub fn start() -> RedisServer {
    RedisServer::start(&[]).expect("a test without the program is skipped before it starts a server")
}

/// Deletes all keys.
///
/// # Panics
///
/// If the server does not reply.
pub fn flush_all(server: &RedisServer) {
    assert_eq!(server.command("FLUSHALL").unwrap(), "+OK\r\n");
}

/// Returns the number of scripts run since the start of the server.
///
/// # Panics
///
/// If the server does not reply.
#[must_use]
pub fn scripts_run(server: &RedisServer) -> u64 {
    let stats = server.command("INFO commandstats").unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}
