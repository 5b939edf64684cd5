//! Without its store a fleet paces alone at its share, and returns when the store is back.
//!
//! In every window of one second there are no more starts than with the store. Over shorter and longer windows there may be
//! three more: each of the four workers has a burst of one.

use stitchapi_lab::clock::{MILLISECOND, SECOND};
use stitchapi_lab::extent::{Extent, tool};
use stitchapi_lab::fleet::{Fleet, WORKERS};
use stitchapi_lab::measured::run_exact;
use stitchapi_lab::record::{Call, Record};
use stitchapi_lab::redis;
use stitchapi_lab::windows::fullest_windows;
use stitchapi_testing::RedisServer;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
/// Time in microseconds after which the library stops waiting for a store.
const STORE_TIMEOUT: u64 = 250 * MILLISECOND;
/// Time in microseconds for which other workers may have booked ahead. No worker starts a call alone before it is over.
const BOOKED_AHEAD: u64 = SECOND;
/// Time in microseconds that a call without a wait may take on a busy machine.
const TOLERANCE: u64 = 50 * MILLISECOND;

/// How a server fails.
#[derive(Debug, Clone, Copy)]
enum Failure {
    Killed,
    Frozen,
}

/// Begin and end of an outage on the boot clock in microseconds.
#[derive(Debug, Clone, Copy)]
struct Outage {
    begin: u64,
    end: u64,
}

#[test]
fn a_fleet_whose_redis_is_killed_continues_at_its_share() {
    let Some(extent) = Extent::of_this_run() else { return };
    continues_at_its_share(extent, Failure::Killed);
}

#[test]
fn a_fleet_whose_redis_is_frozen_continues_at_its_share() {
    let Some(extent) = Extent::long() else { return };
    continues_at_its_share(extent, Failure::Frozen);
}

#[test]
fn one_call_waits_for_the_store_timeout_and_later_calls_do_not() {
    let Some(extent) = Extent::of_this_run() else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    let cases =
        [("local", Failure::Frozen), ("open", Failure::Killed), ("local", Failure::Killed), ("open", Failure::Frozen)];
    for (policy, failure) in &cases[..extent.choose(2, cases.len())] {
        println!("Redis {failure:?} for 4 s, 200/s, {policy}, of 4 workers that call five times a second");
        let arguments = ["--offer", "5", "--on-outage", policy];
        let (record, outage) = run_exact(|| failure.run(&arguments, 8.0, (2.0, 6.0)));
        assert_eq!(record.calls.iter().filter(|call| call.outcome != "ok").count(), 0, "a call failed");
        let first = longest(&record, outage.begin, outage.begin + BOOKED_AHEAD + STORE_TIMEOUT);
        let later = longest(&record, outage.begin + BOOKED_AHEAD + 2 * STORE_TIMEOUT, outage.end);
        println!("    calls took at most {first} us at first, {later} us later");
        // A worker that paces alone waits until the slots that others may have booked are over.
        let pause = if *policy == "local" { BOOKED_AHEAD } else { 0 };
        assert!(first <= STORE_TIMEOUT + pause + TOLERANCE, "{first}");
        assert!(later <= TOLERANCE, "{later}");
    }
}

#[test]
fn under_the_closed_policy_a_call_fails_at_once_with_a_store_error() {
    let Some(extent) = Extent::of_this_run() else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    for failure in extent.cases(&[Failure::Frozen, Failure::Killed]) {
        println!("Redis {failure:?} for 4 s, 200/s, closed");
        let (record, outage) = run_exact(|| failure.run(&["--on-outage", "closed"], 9.0, (2.0, 6.0)));
        // Slots that were booked before the outage are used at their time.
        let detected = outage.begin + BOOKED_AHEAD + 2 * STORE_TIMEOUT;
        let is_during = |call: &&Call| call.asked > detected && call.over < outage.end;
        let calls: Vec<&Call> = record.calls.iter().filter(is_during).collect();
        let longest = calls.iter().map(|call| call.over - call.asked).max().unwrap_or(0);
        println!("    {} calls failed, after at most {longest} us", calls.len());
        assert!(calls.len() > 1_000, "{}", calls.len());
        assert!(calls.iter().all(|call| call.outcome == "Store"), "{:?}", calls[0]);
        assert!(longest <= TOLERANCE, "{longest}");
        assert!(record.usage(record.seconds(outage.end + SECOND), 9.0).utilisation >= 0.98);
    }
}

fn continues_at_its_share(extent: Extent, failure: Failure) {
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    let (begin, end, seconds) = extent.choose((2.0, 8.0, 12.0), (3.0, 13.0, 18.0));
    println!("Redis {failure:?} for {} s, 200/s, local, of 4 workers", end - begin);
    let (record, outage) = run_exact(|| {
        let (record, outage) = failure.run(&[], seconds, (begin, end));
        print(&record, outage);
        (record, outage)
    });
    let (begin, end) = (record.seconds(outage.begin), record.seconds(outage.end));
    // First the booked slots start calls, then no call starts for the same time, because other workers may have booked it.
    let alone = record.usage(record.seconds(outage.begin + 2 * BOOKED_AHEAD + 2 * STORE_TIMEOUT), end);
    assert!(alone.utilisation >= 0.95, "utilisation while pacing alone: {}", alone.utilisation);
    println!("    utilisation in the whole outage: {:.3}", record.usage(begin, end).utilisation);
    let after = record.usage(record.seconds(outage.end + SECOND), seconds);
    assert!(after.utilisation >= 0.98, "utilisation after the outage: {}", after.utilisation);
    let last = record.events_of("OutageEnded").map(|event| event.at.saturating_sub(outage.end)).max().unwrap_or(0);
    println!("    the last worker returned {last} us after Redis");
    assert_eq!(record.events_of("OutageEnded").count(), WORKERS, "a worker did not return");
    assert!(last <= SECOND, "{last}");
}

/// Prints the course of an outage.
fn print(record: &Record, outage: Outage) {
    for event in record.events_of("Outage") {
        println!("    {:9.3} s  worker {}  {}", record.seconds(event.at), event.worker, event.text);
    }
    println!("    outage from {:.3} s to {:.3} s", record.seconds(outage.begin), record.seconds(outage.end));
    for window in fullest_windows(&record.starts, &record.promise).iter().filter(|window| window.bound.window == SECOND)
    {
        println!("    fullest window: {window}, from {:.3} s on", record.seconds(window.from));
    }
}

/// Returns the duration in microseconds of the longest call that began between two readings of the clock.
fn longest(record: &Record, from: u64, to: u64) -> u64 {
    let calls = record.calls.iter().filter(|call| (from..to).contains(&call.asked));
    let longest = calls.map(|call| call.over - call.asked).max();
    assert!(longest.is_some(), "no call began between {from} and {to}");
    longest.unwrap_or(0)
}

impl Failure {
    /// Runs a fleet with these arguments whose Redis fails between these seconds.
    fn run(self, arguments: &[&str], seconds: f64, (from, to): (f64, f64)) -> (Record, Outage) {
        let mut redis = redis::start();
        let fleet = Fleet::new(WORKER, &redis.url(), &["200/s"]).survives_outage().arguments(arguments);
        let fleet = fleet.seconds(seconds).start();
        let begin = fleet.wait_until(from);
        match self {
            Self::Killed => redis.stop(),
            Self::Frozen => redis.freeze(),
        }
        let end = fleet.wait_until(to);
        match self {
            Self::Killed => redis.restart(),
            Self::Frozen => redis.thaw(),
        }
        (fleet.finish(), Outage { begin, end })
    }
}
