//! Without its store a fleet goes on at its share, and comes back.

use stitchapi_lab::fleet::{Fleet, Running};
use stitchapi_lab::judge::worst_windows;
use stitchapi_lab::record::{Call, Record};
use stitchapi_lab::redis::RedisServer;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
const MILLISECOND: u64 = 1_000;
const SECOND: u64 = 1_000 * MILLISECOND;
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
    for away in [Away::Killed, Away::Frozen] {
        let Some(mut server) = RedisServer::start() else { return };
        println!("Redis {away:?} for 5 s, 200/s, of 4 workers that call five times a second");
        let fleet = Fleet::new(WORKER, &server.url(), &["200/s"]).with(&["--fleet-size", "4", "--offer", "5"]);
        let mut fleet = fleet.seconds(10.0).start();
        let between = away.from_to(&mut server, &mut fleet, 2.0, 7.0);
        let record = fleet.end();
        record.assert_exact();
        assert_eq!(record.calls.iter().filter(|call| call.outcome != "ok").count(), 0, "every call goes through");
        let first = longest(&record, between.gone, between.gone + BOOKED_AHEAD + STORE_TIMEOUT);
        let later = longest(&record, between.gone + BOOKED_AHEAD + 2 * STORE_TIMEOUT, between.back);
        println!("    calls took at most {first} us at first, {later} us later");
        assert!(first <= STORE_TIMEOUT + BOOKED_AHEAD + BUSY, "{first}");
        assert!(later <= BUSY, "{later}");
    }
}

#[test]
fn under_closed_a_call_fails_at_once_as_the_stores() {
    for away in [Away::Killed, Away::Frozen] {
        let Some(mut server) = RedisServer::start() else { return };
        println!("Redis {away:?} for 4 s, 200/s, closed");
        let fleet = Fleet::new(WORKER, &server.url(), &["200/s"]).with(&["--on-outage", "closed"]);
        let mut fleet = fleet.seconds(9.0).start();
        let between = away.from_to(&mut server, &mut fleet, 2.0, 6.0);
        let record = fleet.end();
        record.assert_exact();
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
    let Some(mut server) = RedisServer::start() else { return };
    println!("Redis {away:?} for 10 s, 200/s, local, of 4 workers");
    let mut fleet = Fleet::new(WORKER, &server.url(), &["200/s"]).with(&["--fleet-size", "4"]).seconds(18.0).start();
    let between = away.from_to(&mut server, &mut fleet, 3.0, 13.0);
    let record = fleet.end();
    tell(&record, between);
    record.assert_exact();
    let alone =
        record.used(record.seconds(between.gone + BOOKED_AHEAD + 2 * STORE_TIMEOUT), record.seconds(between.back));
    assert!(alone.utilisation >= 0.95, "at its share: {}", alone.utilisation);
    let over = record.used(record.seconds(between.gone), record.seconds(between.back));
    println!("    in the whole outage it used {:.3}", over.utilisation);
    let again = record.used(record.seconds(between.back + SECOND), 18.0);
    assert!(again.utilisation >= 0.98, "at the shared pace: {}", again.utilisation);
    let back = record.events_of("OutageEnded").map(|event| event.at.saturating_sub(between.back)).max().unwrap();
    assert!(back <= SECOND, "the last worker is back after {back} us");
}

/// The course of an outage.
fn tell(record: &Record, between: Between) {
    for event in record.events_of("Outage") {
        println!("    {:9.3} s  worker {}  {}", record.seconds(event.at), event.worker, event.what);
    }
    let worst = worst_windows(&record.starts, &record.promise);
    let worst = worst.iter().find(|worst| worst.bound.window == SECOND).unwrap();
    println!(
        "    gone at {:.3} s, back at {:.3} s; worst window: {worst}, from {:.3} s on",
        record.seconds(between.gone),
        record.seconds(between.back),
        record.seconds(worst.from)
    );
}

/// The longest that a call took which was made in this time.
fn longest(record: &Record, from: u64, to: u64) -> u64 {
    let calls = record.calls.iter().filter(|call| (from..to).contains(&call.asked));
    calls.map(|call| call.over - call.asked).max().unwrap()
}

impl Away {
    fn from_to(self, server: &mut RedisServer, fleet: &mut Running, from: f64, to: f64) -> Between {
        let gone = fleet.wait_until(from);
        match self {
            Self::Killed => server.kill(),
            Self::Frozen => server.freeze(),
        }
        let back = fleet.wait_until(to);
        match self {
            Self::Killed => server.start_again(),
            Self::Frozen => server.thaw(),
        }
        Between { gone, back }
    }
}
