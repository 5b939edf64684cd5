//! Without its store a fleet goes on at its share, and comes back.
//!
//! In every window of a second there are no more starts than with the store. Over shorter and longer intervals there may be
//! three more: each of the four workers has a burst of one.

use std::path::Path;

use stitchapi_lab::clock::{MILLISECOND, SECOND};
use stitchapi_lab::fleet::{Fleet, WORKERS};
use stitchapi_lab::judge::worst_windows;
use stitchapi_lab::lab;
use stitchapi_lab::record::{Call, Record};
use stitchapi_lab::redis::{self, Redis};
use stitchapi_lab::run::exact;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
/// After so long the library stops waiting for a store.
const STORE_TIMEOUT: u64 = 250 * MILLISECOND;
/// So long others may have booked ahead, and nobody starts alone.
const BOOKED_AHEAD: u64 = SECOND;
/// What a call may take on a busy machine that takes no time.
const BUSY: u64 = 50 * MILLISECOND;

/// How a server is away.
#[derive(Debug, Clone, Copy)]
enum Away {
    Killed,
    Frozen,
}

/// When it was away, in microseconds of the boot clock.
#[derive(Debug, Clone, Copy)]
struct Between {
    gone: u64,
    back: u64,
}

#[test]
fn a_fleet_whose_redis_is_killed_goes_on_at_its_share() {
    goes_on_at_its_share(Away::Killed);
}

#[test]
fn a_fleet_whose_redis_is_frozen_goes_on_at_its_share() {
    goes_on_at_its_share(Away::Frozen);
}

#[test]
fn a_call_pays_one_store_timeout_and_later_ones_nothing() {
    // Alone a process begins when all that others may have booked is over: that is the pace, and not the store.
    for (policy, pause) in [("local", BOOKED_AHEAD), ("open", 0)] {
        for away in [Away::Killed, Away::Frozen] {
            let Some(program) = lab::tool(redis::PROGRAM) else { return };
            println!("Redis {away:?} for 4 s, 200/s, {policy}, of 4 workers that call five times a second");
            let arguments = ["--offer", "5", "--on-outage", policy];
            let (record, between) = exact(|| away.during(&program, &arguments, 8.0, (2.0, 6.0)));
            assert_eq!(record.calls.iter().filter(|call| call.outcome != "ok").count(), 0, "every call goes through");
            let first = longest(&record, between.gone, between.gone + BOOKED_AHEAD + STORE_TIMEOUT);
            let later = longest(&record, between.gone + BOOKED_AHEAD + 2 * STORE_TIMEOUT, between.back);
            println!("    calls took at most {first} us at first, {later} us later");
            assert!(first <= STORE_TIMEOUT + pause + BUSY, "{first}");
            assert!(later <= BUSY, "{later}");
        }
    }
}

#[test]
fn under_closed_a_call_fails_at_once_as_the_stores() {
    for away in [Away::Killed, Away::Frozen] {
        let Some(program) = lab::tool(redis::PROGRAM) else { return };
        println!("Redis {away:?} for 4 s, 200/s, closed");
        let (record, between) = exact(|| away.during(&program, &["--on-outage", "closed"], 9.0, (2.0, 6.0)));
        // What it had booked before is used at its time.
        let known = between.gone + BOOKED_AHEAD + 2 * STORE_TIMEOUT;
        let while_away = |call: &&Call| call.asked > known && call.over < between.back;
        let calls: Vec<&Call> = record.calls.iter().filter(while_away).collect();
        let took = calls.iter().map(|call| call.over - call.asked).max().unwrap_or(0);
        println!("    {} calls failed, after at most {took} us", calls.len());
        assert!(calls.len() > 1_000, "{}", calls.len());
        assert!(calls.iter().all(|call| call.outcome == "Store"), "{:?}", calls[0]);
        assert!(took <= BUSY, "{took}");
        assert!(record.used(record.seconds(between.back + SECOND), 9.0).utilisation >= 0.98);
    }
}

fn goes_on_at_its_share(away: Away) {
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    println!("Redis {away:?} for 10 s, 200/s, local, of 4 workers");
    let (record, between) = exact(|| {
        let (record, between) = away.during(&program, &[], 18.0, (3.0, 13.0));
        tell(&record, between);
        (record, between)
    });
    let (gone, back) = (record.seconds(between.gone), record.seconds(between.back));
    // First what was booked starts, and then for as long nothing: as much more may have been booked unseen.
    let alone = record.used(record.seconds(between.gone + 2 * BOOKED_AHEAD + 2 * STORE_TIMEOUT), back);
    assert!(alone.utilisation >= 0.95, "at its share: {}", alone.utilisation);
    println!("    in the whole outage it used {:.3}", record.used(gone, back).utilisation);
    let again = record.used(record.seconds(between.back + SECOND), 18.0);
    assert!(again.utilisation >= 0.98, "at the shared pace: {}", again.utilisation);
    let last = record.events_of("OutageEnded").map(|event| event.at.saturating_sub(between.back)).max().unwrap_or(0);
    println!("    the last worker is back {last} us after Redis");
    assert_eq!(record.events_of("OutageEnded").count(), WORKERS, "every worker is back");
    assert!(last <= SECOND, "{last}");
}

/// The course of an outage.
fn tell(record: &Record, between: Between) {
    for event in record.events_of("Outage") {
        println!("    {:9.3} s  worker {}  {}", record.seconds(event.at), event.worker, event.what);
    }
    println!("    gone at {:.3} s, back at {:.3} s", record.seconds(between.gone), record.seconds(between.back));
    for worst in worst_windows(&record.starts, &record.promise).iter().filter(|worst| worst.bound.window == SECOND) {
        println!("    worst window: {worst}, from {:.3} s on", record.seconds(worst.from));
    }
}

/// The longest that a call took which was made in this time.
fn longest(record: &Record, from: u64, to: u64) -> u64 {
    let calls = record.calls.iter().filter(|call| (from..to).contains(&call.asked));
    let took = calls.map(|call| call.over - call.asked).max();
    assert!(took.is_some(), "somebody calls");
    took.unwrap_or(0)
}

impl Away {
    /// A fleet with these arguments whose Redis is away between these seconds.
    fn during(self, redis: &Path, arguments: &[&str], seconds: f64, (from, to): (f64, f64)) -> (Record, Between) {
        let mut redis = Redis::start(redis);
        let fleet = Fleet::new(WORKER, &redis.url(), &["200/s"]).goes_alone().with(arguments).seconds(seconds).start();
        let gone = fleet.wait_until(from);
        match self {
            Self::Killed => redis.server.kill(),
            Self::Frozen => redis.server.freeze(),
        }
        let back = fleet.wait_until(to);
        match self {
            Self::Killed => redis.server.start_again(),
            Self::Frozen => redis.server.thaw(),
        }
        (fleet.end(), Between { gone, back })
    }
}
