//! The promise while clocks, servers and workers fail during the run.
//!
//! | fault | starts in every window | budget used |
//! | --- | --- | --- |
//! | wall clocks differ | exact | throughout |
//! | Redis loses all keys | exact | from one second later on |
//! | Redis is killed and restarted empty | exact | once the fleet is back |
//! | a worker is frozen for two seconds, possibly with the lock of SQLite | exact | after the thaw; on Redis meanwhile by the other workers, except the slots it held |
//! | a worker is killed | exact | by the other workers, once the slots it held are over |

use stitchapi_lab::extent::{Extent, tool};
use stitchapi_lab::faketime;
use stitchapi_lab::fleet::Fleet;
use stitchapi_lab::measured::run_exact;
use stitchapi_lab::record::Record;
use stitchapi_lab::redis;
use stitchapi_lab::running_fleet::RunningFleet;
use stitchapi_lab::store::Store;
use stitchapi_testing::RedisServer;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
/// Rates with a burst of 50, of 1 (the default) and of 5. The short extent runs the first.
const RATES: [&str; 3] = ["200/s,50", "200/s", "200/s,5"];
/// Duration of a run.
const SECONDS: f64 = 9.0;

#[test]
fn wall_clocks_that_differ_by_less_than_a_second_change_nothing() {
    let Some(extent) = Extent::long() else { return };
    wall_clocks_change_nothing(extent, ["+0.000", "+0.150", "+0.300", "+0.450"]);
}

#[test]
fn wall_clocks_that_differ_by_hours_change_nothing() {
    let Some(extent) = Extent::of_this_run() else { return };
    wall_clocks_change_nothing(extent, ["+1h", "-1h", "+1h", "-1h"]);
}

#[test]
fn a_redis_that_loses_all_keys_does_not_grant_the_budget_twice() {
    let Some(extent) = Extent::of_this_run() else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    for rate in extent.cases(&RATES) {
        println!("Redis, {rate}, FLUSHALL after 3 s");
        let redis = redis::start();
        let record = run_exact(|| {
            run_with(&redis.url(), rate, |fleet| {
                fleet.wait_until(3.0);
                redis::flush_all(&redis);
            })
        });
        assert!(record.usage(4.0, SECONDS).utilisation >= 0.98);
    }
}

#[test]
fn a_redis_that_restarts_empty_does_not_grant_the_budget_twice() {
    let Some(extent) = Extent::of_this_run() else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    for rate in extent.cases(&RATES) {
        println!("Redis, {rate}, killed and restarted after 3 s");
        let mut redis = redis::start();
        let record = run_exact(|| {
            run_with(&redis.url(), rate, |fleet| {
                fleet.wait_until(3.0);
                redis.stop();
                redis.restart();
            })
        });
        assert!(record.usage(6.0, SECONDS).utilisation >= 0.98);
    }
}

#[test]
fn a_worker_that_was_frozen_starts_no_call_late() {
    let Some(extent) = Extent::of_this_run() else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    for (store, rate) in extent.cases(&cases()) {
        println!("{store}, {rate}, one worker frozen for 2 s");
        let (record, frozen) = run_exact(|| {
            let mut frozen = (0, 0);
            let record = run_with(&store.url(), rate, |fleet| {
                fleet.wait_until(2.5);
                fleet.freeze(1);
                frozen.0 = fleet.wait_until(2.55);
                frozen.1 = fleet.wait_until(4.5);
                fleet.thaw(1);
            });
            (record, frozen)
        });
        assert_eq!(record.starts_of(1, frozen.0, frozen.1).count(), 0, "the frozen worker started a call");
        assert!(record.starts_of(1, record.tick(5.5), record.ends).count() > 100, "the worker did not continue");
        if matches!(store, Store::Redis(_)) {
            // The worker held at most the slots of one second, which are lost. The other workers use the rest.
            assert!(record.usage(3.5, 4.5).utilisation >= 0.95);
        }
        assert!(record.usage(6.5, SECONDS).utilisation >= 0.98);
    }
}

#[test]
fn the_other_workers_use_the_share_of_a_killed_worker() {
    let Some(extent) = Extent::of_this_run() else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    for (store, rate) in extent.cases(&cases()) {
        println!("{store}, {rate}, one worker killed after 3 s");
        let record = run_exact(|| {
            run_with(&store.url(), rate, |fleet| {
                fleet.wait_until(3.0);
                fleet.kill(2);
            })
        });
        let after = record.starts_of(2, record.tick(3.5), record.ends).next();
        assert!(after.is_none(), "the killed worker started a call");
        assert!(record.usage(5.0, SECONDS).utilisation >= 0.98);
    }
}

fn wall_clocks_change_nothing(extent: Extent, offsets: [&str; 4]) {
    let Some(library) = tool(faketime::LIBRARY) else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    for (store, rate) in extent.cases(&cases()) {
        println!("{store}, {rate}, wall clocks off by {offsets:?}");
        let fleet = || Fleet::new(WORKER, &store.url(), &[rate]).seconds(SECONDS).wall_clocks(&library, offsets);
        let record = run_exact(|| fleet().run());
        faketime::assert_offsets(&record, offsets);
        assert!(record.usage_after_the_first_second().utilisation >= 0.98);
    }
}

/// Returns Redis with every rate, and SQLite with the largest burst. The effect of the burst does not depend on the store.
fn cases() -> Vec<(Store, &'static str)> {
    let on_redis = RATES.iter().map(|&rate| (Store::redis(), rate));
    on_redis.chain([(Store::sqlite(), RATES[0])]).collect()
}

/// Runs a fleet and disturbs it during the run.
fn run_with(store: &str, rate: &str, disturb: impl FnOnce(&mut RunningFleet)) -> Record {
    let mut fleet = Fleet::new(WORKER, store, &[rate]).seconds(SECONDS).start();
    disturb(&mut fleet);
    fleet.finish()
}
