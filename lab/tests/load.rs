//! The budget is used to the end whatever the callers do.

use stitchapi_lab::clock::MILLISECOND;
use stitchapi_lab::fleet::Fleet;
use stitchapi_lab::record::Record;
use stitchapi_lab::run::exact;
use stitchapi_lab::store::Store;
use stitchapi_lab::{lab, redis};

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");
const SECONDS: f64 = 10.0;
/// What a call may take beyond its `max_wait` on a busy machine.
const BUSY: u64 = 50 * MILLISECOND;

#[test]
fn callers_that_leave_waste_nothing() {
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    for store in Store::each(&program) {
        println!("{store}, 200/s, half of the callers leave at random within 1 s");
        let fleet = || Fleet::new(WORKER, &store.url(), &["200/s"]).with(&["--drop", "0.5"]).seconds(SECONDS);
        let record = exact(|| fleet().run());
        let (left, served) = (record.outcomes("dropped").count(), record.outcomes("ok").count());
        println!("    {left} left, {served} were served");
        assert!(left > 500, "{left}");
        let used = record.used_after_the_first_second();
        assert!(used.utilisation >= 0.97, "{}", used.utilisation);
    }
}

#[test]
fn of_four_times_as_many_calls_as_may_start_the_budget_is_served() {
    let Some(program) = lab::tool(redis::PROGRAM) else { return };
    for store in Store::each(&program) {
        println!("{store}, 200/s, 800/s offered, each waits at most 500 ms");
        let offered = ["--offer", "200", "--max-wait", "500"];
        let fleet = || Fleet::new(WORKER, &store.url(), &["200/s"]).with(&offered).seconds(SECONDS);
        let record = exact(|| fleet().run());
        let (served, refused) = (took(&record, "ok"), took(&record, "Refused"));
        println!(
            "    {} served, half of them within {} us, all within {} us",
            served.len(),
            half(&served),
            most(&served)
        );
        println!(
            "    {} refused, half of them within {} us, all within {} us",
            refused.len(),
            half(&refused),
            most(&refused)
        );
        assert!(refused.len() > served.len(), "most are refused");
        assert!(most(&served) <= 500 * MILLISECOND + BUSY, "{}", most(&served));
        let goodput = record.goodput(1.0, SECONDS);
        assert!(goodput >= 0.97, "{goodput}");
    }
}

/// How long the calls with this outcome took, in order.
fn took(record: &Record, outcome: &str) -> Vec<u64> {
    let mut took: Vec<u64> = record.outcomes(outcome).map(|call| call.over - call.asked).collect();
    took.sort_unstable();
    took
}

fn half(took: &[u64]) -> u64 {
    took[took.len() / 2]
}

fn most(took: &[u64]) -> u64 {
    took[took.len() - 1]
}
