//! What one worker is told by the API holds for the fleet.

use stitchapi_lab::clock::{SECOND, sleep_until};
use stitchapi_lab::fleet::{Fleet, WORKERS};
use stitchapi_lab::lab;
use stitchapi_lab::redis::{self, Redis};
use stitchapi_lab::run::exact;
use stitchapi_lab::upstream::Upstream;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
/// So long after one worker was told nobody starts a call.
const SPREADS: u64 = SECOND / 10;
/// So long after the end of a pause the fleet has gone on.
const GOES_ON: u64 = SECOND / 2;

#[test]
fn when_one_worker_is_told_to_wait_no_other_one_calls() {
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    println!("Redis, 100/s, one 429 with `Retry-After: 2`");
    let (record, told) = exact(|| {
        let (redis, upstream) = (Redis::start(&program), Upstream::start());
        let fleet = fleet(&redis, &upstream).seconds(8.0).start();
        fleet.wait_until(3.0);
        let told = upstream.refuse_next("2");
        (fleet.end(), told)
    });
    assert_eq!(record.outcomes("status 429").count(), 1);
    let (pause, over) = (told + SPREADS, told + 2 * SECOND);
    let last = record.starts_between(told, told + SECOND).map(|start| start.at).max().unwrap_or(told);
    let Some(next) = record.starts_between(pause, record.ends).next() else { panic!("the fleet goes on") };
    println!("    last start {} us after the 429, the next one {} us after it", last - told, next.at - told);
    assert_eq!(record.starts_between(pause, over).count(), 0, "nobody starts a call in the pause");
    assert!(next.at < over + GOES_ON, "and then the fleet goes on");
    assert!(record.used(record.seconds(over + GOES_ON), 8.0).utilisation >= 0.98);
}

#[test]
fn a_pause_that_cannot_be_meant_ends_with_the_cap() {
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    let odd = ["99999999999999999999", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "soon"];
    println!("Redis, 100/s, pauses of at most 1 s, 429 with odd `Retry-After`");
    let (record, told) = exact(|| {
        let (redis, upstream) = (Redis::start(&program), Upstream::start());
        let fleet = fleet(&redis, &upstream).with(&["--max-hold", "1000"]).seconds(12.0).start();
        fleet.wait_until(2.0);
        let told = odd.map(|retry_after| {
            let at = upstream.refuse_next(retry_after);
            sleep_until(at + 5 * SECOND / 2);
            at
        });
        (fleet.end(), told)
    });
    assert_eq!(record.outcomes("status 429").count(), odd.len());
    for (retry_after, at) in odd.into_iter().zip(told) {
        let end = at + 2 * SECOND;
        let after = record.starts_between(at, end).map(|start| start.at);
        let starts: Vec<u64> = std::iter::once(at).chain(after).chain([end]).collect();
        let pause = starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        println!("    `Retry-After: {retry_after}`: the longest pause is {pause} us");
        assert!(pause < SECOND + GOES_ON, "at most the cap, {retry_after}: {pause}");
        if retry_after == odd[0] {
            assert_eq!(record.starts_between(at + SPREADS, at + SECOND).count(), 0, "it is a pause");
        }
    }
}

/// The first worker is the one that will be told.
fn fleet(redis: &Redis, upstream: &Upstream) -> Fleet {
    let fleet = Fleet::new(WORKER, &redis.url(), &["100/s"]).with(&["--tasks", "20"]);
    let fleet = fleet.with_of(0, &["--target", &upstream.url_of_one()]);
    (1..WORKERS).fold(fleet, |fleet, worker| fleet.with_of(worker, &["--target", upstream.url()]))
}
