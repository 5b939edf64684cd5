//! What a throttle promises, of four processes with 50 callers each, in every window; and that it wastes nothing.

use stitchapi_lab::fleet::Fleet;
use stitchapi_lab::lab;
use stitchapi_lab::record::Record;
use stitchapi_lab::redis::{self, Redis};
use stitchapi_lab::run::exact;
use stitchapi_lab::store::Store;
use stitchapi_lab::usage::Usage;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
const RATES: [&str; 3] = ["200/s", "200/s,5", "200/s,50"];

#[test]
fn on_redis_no_window_holds_more_than_is_promised_and_nothing_is_wasted() {
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    for rate in RATES {
        println!("Redis, {rate}");
        let (record, scripts) = exact(|| {
            let redis = Redis::start(&program);
            let record = Fleet::new(WORKER, &redis.url(), &[rate]).seconds(30.0).run();
            (record, redis.scripts_run())
        });
        assert_used_even_fair(&record);
        let scripts = scripts as f64 / record.starts.len() as f64;
        println!("    scripts run a permit: {scripts:.3}");
        assert!(scripts <= 0.3, "{scripts}");
    }
}

#[test]
fn on_sqlite_no_window_holds_more_than_is_promised_and_nothing_is_wasted() {
    if !lab::is_here() {
        return;
    }
    for rate in RATES {
        println!("SQLite, {rate}");
        let store = Store::sqlite();
        assert_used_even_fair(&exact(|| Fleet::new(WORKER, &store.url(), &[rate]).seconds(30.0).run()));
    }
}

#[test]
fn several_limits_hold_together_for_calls_of_several_costs() {
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    for store in Store::each(&program) {
        println!("{store}, 10/s and 1000/h, costs 1 to 3");
        let record = exact(|| Fleet::new(WORKER, &store.url(), &["10/s", "1000/h"]).costs(&[1, 2, 3]).run());
        // One call of three units more or less is a thirtieth of it.
        assert!(record.used_after_the_first_second().utilisation >= 0.95);
    }
}

#[test]
fn a_cap_holds_a_fleet_that_its_pace_would_let_go_on() {
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    for store in Store::each(&program) {
        println!("{store}, 10/s and 1000/h with a burst of 60, costs 1 to 3");
        let record = Fleet::new(WORKER, &store.url(), &["10/s", "1000/h,60"]).costs(&[1, 2, 3]).seconds(12.0).run();
        record.assert_exact();
        let units: u32 = record.starts.iter().map(|start| start.units).sum();
        // 941 an hour are three in twelve seconds.
        assert!((58..=64).contains(&units), "{units}");
    }
}

fn assert_used_even_fair(record: &Record) {
    let Usage { utilisation, gap_variation, fairness } = record.used_after_the_first_second();
    record.tell_events(record.begins, record.ends);
    assert!(utilisation >= 0.99, "used {utilisation}");
    assert!(gap_variation <= 0.15, "gaps vary by {gap_variation}");
    assert!(fairness >= 0.95, "least/most {fairness}");
}
