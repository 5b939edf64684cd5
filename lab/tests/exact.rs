//! The promise of a throttle for four processes with 50 callers each: no window holds more starts than promised, and the
//! budget is used.

use stitchapi_lab::extent::{Extent, tool};
use stitchapi_lab::fleet::Fleet;
use stitchapi_lab::measured::run_exact;
use stitchapi_lab::record::Record;
use stitchapi_lab::redis;
use stitchapi_lab::store::Store;
use stitchapi_lab::usage::Usage;
use stitchapi_testing::RedisServer;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
/// Rates with a burst of 5, of 1 (the default) and of 50. The short extent runs the first.
const RATES: [&str; 3] = ["200/s,5", "200/s", "200/s,50"];
/// Duration of a run in the short and the long extent.
const SECONDS: (f64, f64) = (8.0, 30.0);

#[test]
fn on_redis_no_window_holds_more_than_promised_and_the_budget_is_used() {
    let Some(extent) = Extent::of_this_run() else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    for rate in extent.cases(&RATES) {
        println!("Redis, {rate}");
        let (record, scripts) = run_exact(|| {
            let redis = redis::start();
            let seconds = extent.choose(SECONDS.0, SECONDS.1);
            let record = Fleet::new(WORKER, &redis.url(), &[rate]).seconds(seconds).run();
            (record, redis::scripts_run(&redis))
        });
        assert_used_even_fair(&record);
        let scripts = scripts as f64 / record.starts.len() as f64;
        println!("    scripts run per permit: {scripts:.3}");
        assert!(scripts <= 0.3, "{scripts}");
    }
}

#[test]
fn on_sqlite_no_window_holds_more_than_promised_and_the_budget_is_used() {
    let Some(extent) = Extent::of_this_run() else { return };
    for rate in extent.cases(&RATES) {
        println!("SQLite, {rate}");
        let store = Store::sqlite();
        let seconds = extent.choose(SECONDS.0, SECONDS.1);
        assert_used_even_fair(&run_exact(|| Fleet::new(WORKER, &store.url(), &[rate]).seconds(seconds).run()));
    }
}

#[test]
fn several_limits_hold_together_for_calls_of_several_costs() {
    let Some(extent) = Extent::of_this_run() else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    for store in extent.cases(&Store::each()) {
        println!("{store}, 10/s and 1000/h, costs 1 to 3");
        let record = run_exact(|| Fleet::new(WORKER, &store.url(), &["10/s", "1000/h"]).costs(&[1, 2, 3]).run());
        // One call of three units more or less is a thirtieth of the budget.
        assert!(record.usage_after_the_first_second().utilisation >= 0.95);
    }
}

#[test]
fn a_cap_holds_a_fleet_back_whose_pace_would_allow_more() {
    let Some(extent) = Extent::of_this_run() else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    for store in extent.cases(&Store::each()) {
        println!("{store}, 10/s and 1000/h with a burst of 60, costs 1 to 3");
        let record = Fleet::new(WORKER, &store.url(), &["10/s", "1000/h,60"]).costs(&[1, 2, 3]).seconds(12.0).run();
        record.assert_exact();
        let units: u32 = record.starts.iter().map(|start| start.units).sum();
        // 60 units at once, and 941 an hour are three in twelve seconds.
        assert!((58..=64).contains(&units), "{units}");
    }
}

fn assert_used_even_fair(record: &Record) {
    let Usage { utilisation, gap_variation, fairness } = record.usage_after_the_first_second();
    record.print_events(record.begins, record.ends);
    assert!(utilisation >= 0.99, "utilisation {utilisation}");
    assert!(gap_variation <= 0.15, "gap variation {gap_variation}");
    assert!(fairness >= 0.95, "fairness {fairness}");
}
