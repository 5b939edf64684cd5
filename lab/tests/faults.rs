//! The promise, whatever happens to clocks, servers and workers in mid-run.
//!
//! | fault | in every window | budget used |
//! | --- | --- | --- |
//! | wall clocks apart | exact | throughout |
//! | Redis loses everything | exact | from a second later on |
//! | Redis is killed and started again, empty | exact | once the fleet is back |
//! | a worker stands still for two seconds, maybe with the lock of SQLite | exact | once it has gone on; on Redis meanwhile by the others, but for what it held |
//! | a worker is killed | exact | by the others, once what it held is over |

use std::path::Path;

use stitchapi_lab::fleet::Fleet;
use stitchapi_lab::record::Record;
use stitchapi_lab::redis::{self, Redis};
use stitchapi_lab::run::exact;
use stitchapi_lab::running::Running;
use stitchapi_lab::store::Store;
use stitchapi_lab::{faketime, lab};

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
const RATES: [&str; 3] = ["200/s", "200/s,5", "200/s,50"];
const SECONDS: f64 = 9.0;

#[test]
fn wall_clocks_that_are_apart_by_steps_change_nothing() {
    wall_clocks_change_nothing(["+0.000", "+0.150", "+0.300", "+0.450"]);
}

#[test]
fn wall_clocks_that_are_apart_by_hours_change_nothing() {
    wall_clocks_change_nothing(["+1h", "-1h", "+1h", "-1h"]);
}

#[test]
fn a_redis_that_forgets_everything_does_not_give_the_budget_twice() {
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    for rate in RATES {
        println!("Redis, {rate}, FLUSHALL after 3 s");
        let redis = Redis::start(&program);
        let record = exact(|| {
            during(&redis.url(), rate, |fleet| {
                fleet.wait_until(3.0);
                redis.flush_all();
            })
        });
        assert!(record.used(4.0, SECONDS).utilisation >= 0.98);
    }
}

#[test]
fn a_redis_that_is_started_again_does_not_give_the_budget_twice() {
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    for rate in RATES {
        println!("Redis, {rate}, killed and started again after 3 s");
        let mut redis = Redis::start(&program);
        let record = exact(|| {
            during(&redis.url(), rate, |fleet| {
                fleet.wait_until(3.0);
                redis.server.kill();
                redis.server.start_again();
            })
        });
        assert!(record.used(6.0, SECONDS).utilisation >= 0.98);
    }
}

#[test]
fn a_worker_that_stood_still_starts_nothing_late() {
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    for (store, rate) in cases(&program) {
        println!("{store}, {rate}, one worker stopped for 2 s");
        let (record, still) = exact(|| {
            let mut still = (0, 0);
            let record = during(&store.url(), rate, |fleet| {
                fleet.wait_until(2.5);
                fleet.freeze(1);
                still.0 = fleet.wait_until(2.55);
                still.1 = fleet.wait_until(4.5);
                fleet.thaw(1);
            });
            (record, still)
        });
        assert_eq!(record.starts_of(1, still.0, still.1).count(), 0, "it stood still");
        assert!(record.starts_of(1, record.tick(5.5), record.ends).count() > 100, "and went on");
        if matches!(store, Store::Redis(_)) {
            // It held at most a second's worth, which is lost; the rest of the two seconds is the others'.
            assert!(record.used(3.5, 4.5).utilisation >= 0.95);
        }
        assert!(record.used(6.5, SECONDS).utilisation >= 0.98);
    }
}

#[test]
fn the_others_take_over_the_share_of_a_killed_worker() {
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    for (store, rate) in cases(&program) {
        println!("{store}, {rate}, one worker killed after 3 s");
        let record = exact(|| {
            during(&store.url(), rate, |fleet| {
                fleet.wait_until(3.0);
                fleet.kill(2);
            })
        });
        assert!(record.starts_of(2, record.tick(3.5), record.ends).next().is_none(), "it is gone");
        assert!(record.used(5.0, SECONDS).utilisation >= 0.98);
    }
}

fn wall_clocks_change_nothing(offsets: [&str; 4]) {
    let Some(library) = lab::tool(faketime::LIBRARY) else { return };
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    for (store, rate) in cases(&program) {
        println!("{store}, {rate}, wall clocks off by {offsets:?}");
        let fleet = || Fleet::new(WORKER, &store.url(), &[rate]).seconds(SECONDS).wall_clocks(&library, offsets);
        let record = exact(|| fleet().run());
        faketime::assert_off(&record, offsets);
        assert!(record.used_after_the_first_second().utilisation >= 0.98);
    }
}

/// Redis at every burst. What differs by the burst is not the store's, and so SQLite has one turn, at the largest.
fn cases(redis: &Path) -> Vec<(Store, &'static str)> {
    let on_redis = RATES.iter().map(|&rate| (Store::redis(redis), rate));
    on_redis.chain([(Store::sqlite(), RATES[2])]).collect()
}

/// A fleet to which something happens.
fn during(store: &str, rate: &str, what: impl FnOnce(&mut Running)) -> Record {
    let mut fleet = Fleet::new(WORKER, store, &[rate]).seconds(SECONDS).start();
    what(&mut fleet);
    fleet.end()
}
