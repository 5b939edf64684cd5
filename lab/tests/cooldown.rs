//! What one worker is told by the API holds for the fleet.

use stitchapi_lab::fleet::Fleet;
use stitchapi_lab::lab::sleep_until;
use stitchapi_lab::redis::RedisServer;
use stitchapi_lab::upstream::Upstream;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
const SECOND: u64 = 1_000_000;
/// So long after one worker was told nobody starts a call.
const SPREADS: u64 = SECOND / 10;
/// So long after the end of a pause the fleet has gone on.
const GOES_ON: u64 = SECOND / 2;

#[test]
fn when_one_worker_is_told_to_wait_no_other_one_calls() {
    let Some(server) = RedisServer::start() else { return };
    let upstream = Upstream::start();
    println!("Redis, 100/s, one 429 with `Retry-After: 2`");
    let fleet = fleet(&server, &upstream).seconds(8.0).start();
    fleet.wait_until(3.0);
    let told = upstream.refuse_next("2");
    let record = fleet.end();
    record.assert_exact();
    assert_eq!(record.outcomes("status 429"), 1);
    let everybody = [0, 1, 2, 3];
    let last = record.starts_of(&everybody, told, told + SECOND).map(|start| start.at).max().unwrap_or(told);
    let (pause, over) = (told + SPREADS, told + 2 * SECOND);
    let next = record.starts_of(&everybody, pause, record.ends).map(|start| start.at).min().unwrap();
    println!("    last start {} us after the 429, the next one {} us after it", last - told, next - told);
    assert_eq!(record.starts_of(&everybody, pause, over).count(), 0, "nobody starts a call in the pause");
    assert!(next < over + GOES_ON, "and then the fleet goes on");
    assert!(record.used(record.seconds(over + GOES_ON), 8.0).utilisation >= 0.95);
}

#[test]
fn a_pause_that_cannot_be_meant_ends_with_the_cap() {
    let Some(server) = RedisServer::start() else { return };
    let upstream = Upstream::start();
    let fleet = fleet(&server, &upstream).with(&["--max-hold", "1000"]).seconds(12.0).start();
    let odd = ["99999999999999999999", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "soon"];
    let mut told = Vec::new();
    fleet.wait_until(2.0);
    for retry_after in odd {
        let at = upstream.refuse_next(retry_after);
        told.push((retry_after, at));
        sleep_until(at + 5 * SECOND / 2);
    }
    let record = fleet.end();
    record.assert_exact();
    assert_eq!(record.outcomes("status 429"), odd.len());
    for (retry_after, at) in told {
        let everybody = [0, 1, 2, 3];
        let after = record.starts_of(&everybody, at, at + 2 * SECOND).map(|start| start.at);
        let starts: Vec<u64> = std::iter::once(at).chain(after).chain([at + 2 * SECOND]).collect();
        let pause = starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        println!("    `Retry-After: {retry_after}`: the longest pause is {pause} us");
        assert!(pause < SECOND + GOES_ON, "at most the cap, {retry_after}: {pause}");
        if retry_after.starts_with('9') {
            assert_eq!(record.starts_of(&everybody, at + SPREADS, at + SECOND).count(), 0, "it is a pause");
        }
    }
}

/// The first worker is the one that will be told.
fn fleet(server: &RedisServer, upstream: &Upstream) -> Fleet {
    let fleet = Fleet::new(WORKER, &server.url(), &["100/s"]).with(&["--tasks", "20"]);
    let fleet = fleet.with_of(0, &["--target", &upstream.url_of_one()]);
    (1..4).fold(fleet, |fleet, worker| fleet.with_of(worker, &["--target", upstream.url()]))
}
