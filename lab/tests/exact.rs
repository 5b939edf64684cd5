//! What a throttle promises, of four processes with 50 callers each, in every window; and that it wastes nothing.

use stitchapi_lab::fleet::Fleet;
use stitchapi_lab::judge::Use;
use stitchapi_lab::lab;
use stitchapi_lab::record::Record;
use stitchapi_lab::redis::RedisServer;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");

#[test]
fn on_redis_no_window_holds_more_than_is_promised_and_nothing_is_wasted() {
    for rate in ["200/s", "200/s,5", "200/s,50"] {
        let Some(server) = RedisServer::start() else { return };
        println!("Redis, {rate}");
        let record = Fleet::new(WORKER, &server.url(), &[rate]).seconds(30.0).run();
        assert_exact_used_even_fair(&record);
        let scripts = server.scripts_run() as f64 / record.starts.len() as f64;
        println!("    scripts run a permit: {scripts:.3}");
        assert!(scripts <= 0.3, "{scripts}");
    }
}

#[test]
fn on_sqlite_no_window_holds_more_than_is_promised_and_nothing_is_wasted() {
    for rate in ["200/s", "200/s,5", "200/s,50"] {
        if !lab::is_here() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        println!("SQLite, {rate}");
        let store = format!("sqlite:{}", folder.path().join("store.db").display());
        assert_exact_used_even_fair(&Fleet::new(WORKER, &store, &[rate]).seconds(30.0).run());
    }
}

#[test]
fn several_limits_hold_together_for_calls_of_several_costs() {
    let Some(server) = RedisServer::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", folder.path().join("store.db").display());
    for store in [server.url(), sqlite] {
        println!("{store}, 10/s and 1000/h, costs 1 to 3");
        let record = Fleet::new(WORKER, &store, &["10/s", "1000/h"]).costs(&[1, 2, 3]).run();
        record.assert_exact();
        // One call of three units more or less is a thirtieth of it.
        assert!(record.used_after_the_first_second().utilisation >= 0.95);
    }
}

#[test]
fn a_cap_holds_a_fleet_that_its_pace_would_let_go_on() {
    let Some(server) = RedisServer::start() else { return };
    println!("Redis, 10/s and 1000/h with a burst of 60, costs 1 to 3");
    let record = Fleet::new(WORKER, &server.url(), &["10/s", "1000/h,60"]).costs(&[1, 2, 3]).seconds(12.0).run();
    record.assert_exact();
    let units: u32 = record.starts.iter().map(|start| start.units).sum();
    // 941 an hour are three in twelve seconds.
    assert!((58..=64).contains(&units), "{units}");
}

fn assert_exact_used_even_fair(record: &Record) {
    record.assert_exact();
    let Use { utilisation, gap_variation, fairness } = record.used_after_the_first_second();
    record.tell_events(record.begins, record.ends);
    assert!(utilisation >= 0.99, "used {utilisation}");
    assert!(gap_variation <= 0.15, "gaps vary by {gap_variation}");
    assert!(fairness >= 0.95, "least/most {fairness}");
}
