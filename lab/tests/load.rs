//! The budget is used even if callers leave, or if they ask for more than the budget.

use stitchapi_lab::clock::MILLISECOND;
use stitchapi_lab::extent::{Extent, tool};
use stitchapi_lab::fleet::Fleet;
use stitchapi_lab::measured::run_exact;
use stitchapi_lab::record::Record;
use stitchapi_lab::store::Store;
use stitchapi_testing::RedisServer;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
/// Duration of a run in the short and the long extent.
const SECONDS: (f64, f64) = (7.0, 10.0);
/// Time in microseconds that a call may take beyond its `max_wait` on a busy machine.
const TOLERANCE: u64 = 50 * MILLISECOND;

#[test]
fn callers_that_leave_waste_no_budget() {
    let Some(extent) = Extent::of_this_run() else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    for store in extent.cases(&Store::each()) {
        println!("{store}, 200/s, half of the callers leave at random within 1 s");
        let seconds = extent.choose(SECONDS.0, SECONDS.1);
        let fleet = || Fleet::new(WORKER, &store.url(), &["200/s"]).arguments(&["--drop", "0.5"]).seconds(seconds);
        let record = run_exact(|| fleet().run());
        let (left, served) = (record.outcomes("dropped").count(), record.outcomes("ok").count());
        println!("    {left} left, {served} were served");
        assert!(left as f64 > 50.0 * seconds, "{left}");
        let usage = record.usage_after_the_first_second();
        assert!(usage.utilisation >= 0.97, "{}", usage.utilisation);
    }
}

#[test]
fn a_load_of_four_times_the_budget_is_served_up_to_the_budget() {
    let Some(extent) = Extent::of_this_run() else { return };
    if tool(RedisServer::PROGRAM).is_none() {
        return;
    }
    for store in extent.cases(&Store::each()) {
        println!("{store}, 200/s, 800/s offered, each waits at most 500 ms");
        let seconds = extent.choose(SECONDS.0, SECONDS.1);
        let offered = ["--offer", "200", "--max-wait", "500"];
        let fleet = || Fleet::new(WORKER, &store.url(), &["200/s"]).arguments(&offered).seconds(seconds);
        let record = run_exact(|| fleet().run());
        let (served, refused) = (durations(&record, "ok"), durations(&record, "Throttled"));
        for (outcome, durations) in [("served", &served), ("refused", &refused)] {
            let (half, all) = (median(durations), longest(durations));
            println!("    {} {outcome}, half of them within {half} us, all within {all} us", durations.len());
        }
        assert!(refused.len() > served.len(), "fewer calls were refused than served");
        assert!(longest(&served) <= 500 * MILLISECOND + TOLERANCE, "{}", longest(&served));
        let goodput = record.goodput(1.0, seconds);
        assert!(goodput >= 0.97, "{goodput}");
    }
}

/// Returns the durations of the calls with this outcome in microseconds, sorted.
fn durations(record: &Record, outcome: &str) -> Vec<u64> {
    let mut durations: Vec<u64> = record.outcomes(outcome).map(|call| call.over - call.asked).collect();
    durations.sort_unstable();
    durations
}

fn median(durations: &[u64]) -> u64 {
    durations[durations.len() / 2]
}

fn longest(durations: &[u64]) -> u64 {
    durations[durations.len() - 1]
}
