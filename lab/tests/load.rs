//! The budget is used to the end whatever the callers do.

use stitchapi_lab::fleet::Fleet;
use stitchapi_lab::redis::RedisServer;

const WORKER: &str = env!("CARGO_BIN_EXE_lab-worker");

#[test]
fn callers_that_leave_waste_nothing() {
    let Some(server) = RedisServer::start() else { return };
    for (store, _folder) in [(server.url(), None), sqlite()] {
        println!("{store}, 200/s, half of the callers leave at random within 1 s");
        let record = Fleet::new(WORKER, &store, &["200/s"]).with(&["--drop", "0.5"]).seconds(12.0).run();
        record.assert_exact();
        let (left, served) = (record.outcomes("dropped"), record.outcomes("ok"));
        println!("    {left} left, {served} were served");
        assert!(left > 500, "{left}");
        let used = record.used_after_the_first_second();
        assert!(used.utilisation >= 0.97, "{}", used.utilisation);
    }
}

#[test]
fn four_times_as_many_calls_as_may_start_leave_the_budget_used() {
    let Some(server) = RedisServer::start() else { return };
    for (store, _folder) in [(server.url(), None), sqlite()] {
        println!("{store}, 200/s, 800/s offered, each waits at most 500 ms");
        let offered = ["--offer", "200", "--max-wait", "500"];
        let record = Fleet::new(WORKER, &store, &["200/s"]).with(&offered).seconds(12.0).run();
        record.assert_exact();
        let (served, refused) = (record.outcomes("ok"), record.outcomes("Refused"));
        let took = |outcome: &str, part: f64| {
            let calls = record.calls.iter().filter(|call| call.outcome == outcome);
            let mut took: Vec<u64> = calls.map(|call| call.over - call.asked).collect();
            took.sort_unstable();
            took[(took.len() as f64 * part) as usize]
        };
        println!(
            "    {served} served, half of them within {} us, 99 % within {} us",
            took("ok", 0.5),
            took("ok", 0.99)
        );
        let (half, most) = (took("Refused", 0.5), took("Refused", 0.99));
        println!("    {refused} refused, half of them within {half} us, 99 % within {most} us");
        assert!(refused > served, "most are refused");
        let used = record.used_after_the_first_second();
        assert!(used.utilisation >= 0.97, "{}", used.utilisation);
    }
}

fn sqlite() -> (String, Option<tempfile::TempDir>) {
    let folder = tempfile::tempdir().unwrap();
    (format!("sqlite:{}", folder.path().join("store.db").display()), Some(folder))
}
