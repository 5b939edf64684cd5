//! nginx as an independent check: it limits requests at exactly the rate of the fleet and must not refuse any.

use std::path::{Path, PathBuf};

use stitchapi_lab::extent::{Extent, tool};
use stitchapi_lab::fleet::Fleet;
use stitchapi_lab::measured::run_exact;
use stitchapi_lab::nginx::{self, Nginx};
use stitchapi_lab::record::Record;
use stitchapi_lab::redis;
use stitchapi_testing::RedisServer;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");

#[test]
fn nginx_with_the_limit_of_the_fleet_never_responds_with_429() {
    let Some(extent) = Extent::of_this_run() else { return };
    let Some(program) = program() else { return };
    let (record, (successes, refusals)) = run_exact(|| run(&program, 5, extent.choose(12.0, 60.0)));
    let usage = record.usage_after_the_first_second();
    assert_eq!(refusals, 0);
    assert!(successes + 4 >= record.starts.len(), "{successes} responses to {} starts", record.starts.len());
    assert!(usage.utilisation >= 0.98, "{}", usage.utilisation);
}

/// The result is printed and not asserted: how evenly requests arrive also depends on the machine and the network.
#[test]
fn the_smallest_burst_of_nginx_that_refuses_no_request_is_printed() {
    if Extent::long().is_none() {
        return;
    }
    let Some(program) = program() else { return };
    let smallest = (0..5).find(|&burst| {
        let (record, (_, refusals)) = run(&program, burst, 15.0);
        record.assert_exact();
        refusals == 0
    });
    let smallest = smallest.map_or("at least 5".to_owned(), |burst| burst.to_string());
    println!("    the smallest burst of nginx without a 429: {smallest}");
}

/// Returns the program of nginx, if that of Redis is there, too.
fn program() -> Option<PathBuf> {
    tool(RedisServer::PROGRAM)?;
    tool(nginx::PROGRAM)
}

/// Runs a fleet against nginx. Returns the record, and the number of responses with status 200 and with another status.
fn run(program: &Path, burst: u32, seconds: f64) -> (Record, (usize, usize)) {
    let (redis, nginx) = (redis::start(), Nginx::start(program, "100r/s", burst));
    println!("nginx, 100r/s and a burst of {burst} without delay; the fleet on Redis, 100/s, {seconds} s");
    let fleet = Fleet::new(WORKER, &redis.url(), &["100/s"]).arguments(&["--target", &nginx.url()]);
    let record = fleet.seconds(seconds).run();
    let (successes, refusals) = nginx.responses();
    println!("    nginx responded {successes} times with 200, {refusals} times with another status");
    (record, (successes, refusals))
}
