//! The promise, whatever happens to clocks, servers and workers in mid-run.
//!
//! | fault | what is checked |
//! | --- | --- |
//! | wall clocks apart | exact, used |
//! | Redis loses everything | exact, used |
//! | Redis is killed and started again, empty | exact, used once the fleet is back |
//! | a worker stands still for two seconds | exact; the others go on |
//! | a worker is killed | exact; the others take over its share |

use std::path::PathBuf;

use stitchapi_lab::fleet::{Fleet, Running};
use stitchapi_lab::record::Record;
use stitchapi_lab::redis::RedisServer;
use stitchapi_lab::{faketime, lab};

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
const SECONDS: f64 = 10.0;

#[test]
fn wall_clocks_that_are_apart_change_nothing() {
    let Some(library) = lab::tool(faketime::LIBRARY) else { return };
    let Some(server) = RedisServer::start() else { return };
    let steps = ["+0.000", "+0.150", "+0.300", "+0.450"];
    let hours = ["+1h", "-1h", "+1h", "-1h"];
    for offsets in [steps, hours] {
        for (store, _folder) in [(server.url(), None), sqlite()] {
            println!("{store}, 200/s, wall clocks off by {offsets:?}");
            server.flush_all();
            let record = Fleet::new(WORKER, &store, &["200/s"]).wall_clocks(&library, &offsets).run();
            faketime::assert_off(&record, &offsets);
            record.assert_exact();
            assert!(record.used_after_the_first_second().utilisation >= 0.98);
        }
    }
}

#[test]
fn a_redis_that_forgets_everything_does_not_give_the_budget_twice() {
    for rate in ["200/s", "200/s,5", "200/s,50"] {
        let Some(server) = RedisServer::start() else { return };
        println!("Redis, {rate}, FLUSHALL after 4 s");
        let record = during(&server.url(), rate, |fleet| {
            fleet.wait_until(4.0);
            server.flush_all();
        });
        record.assert_exact();
        assert!(record.used(5.0, SECONDS).utilisation >= 0.98);
    }
}

#[test]
fn a_redis_that_is_started_again_does_not_give_the_budget_twice() {
    for rate in ["200/s", "200/s,5", "200/s,50"] {
        let Some(mut server) = RedisServer::start() else { return };
        println!("Redis, {rate}, killed and started again after 4 s");
        let record = during(&server.url(), rate, |fleet| {
            fleet.wait_until(4.0);
            server.kill();
            server.start_again();
        });
        record.assert_exact();
        assert!(record.used(7.0, SECONDS).utilisation >= 0.98);
    }
}

#[test]
fn a_worker_that_stood_still_starts_nothing_late() {
    let Some(server) = RedisServer::start() else { return };
    for (store, _folder) in [(server.url(), None), sqlite()] {
        println!("{store}, 200/s, one worker stopped for 2 s");
        let mut still = (0, 0);
        let record = during(&store, "200/s", |fleet| {
            fleet.wait_until(3.0);
            fleet.freeze(1);
            still.0 = fleet.wait_until(3.05);
            still.1 = fleet.wait_until(5.0);
            fleet.thaw(1);
        });
        record.assert_exact();
        assert_eq!(record.starts_of(&[1], still.0, still.1).count(), 0, "it stood still");
        assert!(record.starts_of(&[1], record.tick(6.0), record.ends).count() > 100, "and went on");
        // On SQLite it may have held the lock meanwhile, which is an outage for the others.
        assert!(record.used(7.5, SECONDS).utilisation >= 0.98);
    }
}

#[test]
fn the_others_take_over_the_share_of_a_killed_worker() {
    let Some(server) = RedisServer::start() else { return };
    for (store, _folder) in [(server.url(), None), sqlite()] {
        println!("{store}, 200/s, one worker killed");
        let record = during(&store, "200/s", |fleet| {
            fleet.wait_until(4.0);
            fleet.kill(2);
        });
        record.assert_exact();
        assert!(record.starts_of(&[2], record.tick(4.5), record.ends).next().is_none(), "it is gone");
        assert!(record.used(6.0, SECONDS).utilisation >= 0.98);
    }
}

/// A fleet to which something happens.
fn during(store: &str, rate: &str, what: impl FnOnce(&mut Running)) -> Record {
    let mut fleet = Fleet::new(WORKER, store, &[rate]).seconds(SECONDS).start();
    what(&mut fleet);
    fleet.end()
}

fn sqlite() -> (String, Option<tempfile::TempDir>) {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("store.db");
    (format!("sqlite:{}", file.display()), Some(folder))
}
