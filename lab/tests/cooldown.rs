//! A cooldown that one worker receives from the API holds the whole fleet.

use stitchapi_lab::clock::{SECOND, sleep_until};
use stitchapi_lab::extent::{Extent, tool};
use stitchapi_lab::fleet::{Fleet, WORKERS};
use stitchapi_lab::measured::run_exact;
use stitchapi_lab::redis;
use stitchapi_lab::upstream::Upstream;
use stitchapi_testing::RedisServer;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
/// Maximum time in microseconds from a 429 to the last start of any worker.
const MAX_SPREAD: u64 = SECOND / 10;
/// Maximum time in microseconds from the end of a cooldown to the next start.
const MAX_RESUMPTION: u64 = SECOND / 2;

#[test]
fn a_retry_after_that_one_worker_receives_stops_every_worker() {
    if Extent::of_this_run().is_none() {
        return;
    }
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    println!("Redis, 100/s, one 429 with `Retry-After: 2`");
    let (record, refused) = run_exact(|| {
        let (redis, upstream) = (redis::start(), Upstream::start());
        let fleet = fleet(&redis, &upstream).seconds(7.0).start();
        fleet.wait_until(2.0);
        let refused = upstream.refuse_next("2");
        (fleet.finish(), refused)
    });
    assert_eq!(record.outcomes("status 429").count(), 1);
    let (from, end) = (refused + MAX_SPREAD, refused + 2 * SECOND);
    let last = record.starts_between(refused, refused + SECOND).map(|start| start.at).max().unwrap_or(refused);
    let Some(next) = record.starts_between(from, record.ends).next() else {
        panic!("no call starts after the cooldown")
    };
    println!("    last start {} us after the 429, the next one {} us after it", last - refused, next.at - refused);
    assert_eq!(record.starts_between(from, end).count(), 0, "a call starts during the cooldown");
    assert!(next.at < end + MAX_RESUMPTION, "the first call after the cooldown starts too late");
    assert!(record.usage(record.seconds(end + MAX_RESUMPTION), 7.0).utilisation >= 0.98);
}

#[test]
fn a_retry_after_of_any_value_holds_the_fleet_for_at_most_max_hold() {
    let Some(extent) = Extent::of_this_run() else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    // A number above any limit, a negative number, a date in the past, and no number.
    let values = ["99999999999999999999", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "soon"];
    let values = &values[..extent.choose(2, values.len())];
    println!("Redis, 100/s, cooldowns of at most 1 s, 429 with {values:?}");
    let (record, times) = run_exact(|| {
        let (redis, upstream) = (redis::start(), Upstream::start());
        let seconds = 2.0 + 2.5 * values.len() as f64;
        let fleet = fleet(&redis, &upstream).arguments(&["--max-hold", "1000"]).seconds(seconds).start();
        fleet.wait_until(2.0);
        let refuse = |value: &&str| {
            let at = upstream.refuse_next(value);
            sleep_until(at + 5 * SECOND / 2);
            at
        };
        let times: Vec<u64> = values.iter().map(refuse).collect();
        (fleet.finish(), times)
    });
    assert_eq!(record.outcomes("status 429").count(), values.len());
    for (value, at) in values.iter().zip(times) {
        let end = at + 2 * SECOND;
        let after = record.starts_between(at, end).map(|start| start.at);
        let starts: Vec<u64> = std::iter::once(at).chain(after).chain([end]).collect();
        let pause = starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        println!("    `Retry-After: {value}`: the longest pause is {pause} us");
        assert!(pause < SECOND + MAX_RESUMPTION, "`Retry-After: {value}` held the fleet for {pause} us");
        if *value == values[0] {
            assert_eq!(
                record.starts_between(at + MAX_SPREAD, at + SECOND).count(),
                0,
                "a call starts during the cooldown"
            );
        }
    }
}

/// Describes a fleet of which the first worker may be refused.
fn fleet(redis: &RedisServer, upstream: &Upstream) -> Fleet {
    let fleet = Fleet::new(WORKER, &redis.url(), &["100/s"]).arguments(&["--tasks", "20"]);
    let fleet = fleet.worker_arguments(0, &["--target", &upstream.refused_url()]);
    (1..WORKERS).fold(fleet, |fleet, worker| fleet.worker_arguments(worker, &["--target", upstream.url()]))
}
