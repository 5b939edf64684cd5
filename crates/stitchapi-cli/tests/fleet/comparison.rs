//! Both phases side by side: figures, stamps and the HTML page.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::harness::{TestFolder, exclusive, json};
use crate::start_bounds::{SECOND, assert_start_bounds, max_starts_in_window, read_stamps};

/// Keys of a phase in the JSON output.
const FIGURES: [&str; 16] = [
    "workers",
    "tasks",
    "rate",
    "burst",
    "duration_s",
    "starts",
    "max_in_any_period",
    "utilisation",
    "rejected_429",
    "rejected_401",
    "failures",
    "token_requests",
    "cached_resource_fetches",
    "min_gap_ms",
    "gap_cv",
    "fairness",
];

#[test]
fn four_workers_use_four_times_the_budget_without_a_store_and_once_with_it() {
    let _exclusive = exclusive();
    let folder = TestFolder::new();
    let report = folder.folder.path().join("report.html");
    let figures = json(&folder.command(&["--report", report.to_str().unwrap()]).output().unwrap());
    println!("{figures:#}");
    let (without, with) = (&figures["without_store"], &figures["with_store"]);
    for phase in [without, with] {
        let names: BTreeSet<&str> = phase.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, BTreeSet::from(FIGURES));
        assert_eq!((&phase["workers"], &phase["tasks"], &phase["rate"]), (&4.into(), &25.into(), &"50/s".into()));
        assert_eq!((&phase["rejected_401"], &phase["failures"]), (&0.into(), &0.into()));
    }
    let share = |phase: &Value| phase["utilisation"].as_f64().unwrap();
    assert!((3.6..=4.1).contains(&share(without)), "{}", share(without));
    assert!(without["rejected_429"].as_u64().unwrap() > 1_000);
    assert!((0.95..=1.0).contains(&share(with)), "{}", share(with));
    assert_eq!(with["rejected_429"], 0);
    assert!(with["fairness"].as_f64().unwrap() > 0.8);
    assert_eq!((&without["token_requests"], &with["token_requests"]), (&4.into(), &1.into()));
    let fetches = |phase: &Value| phase["cached_resource_fetches"].as_u64().unwrap();
    // The cached resource expires after 3 s; the phase takes 10 s.
    assert!((4..=16).contains(&fetches(without)), "{}", fetches(without));
    assert!((1..=4).contains(&fetches(with)), "{}", fetches(with));
    assert_eq!(figures["killed_worker"], Value::Null);

    let stamps = read_stamps(&folder.stamps());
    assert_start_bounds(&stamps, 50.0, 1.0);
    assert_eq!(with["starts"], stamps.len());
    assert_eq!(with["max_in_any_period"], max_starts_in_window(&stamps, SECOND));
    let workers: BTreeSet<usize> = stamps.iter().map(|stamp| stamp.worker).collect();
    assert_eq!(workers.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);

    let page = fs::read_to_string(report).unwrap();
    for once in ["<svg data-timeline=\"without\"", "<svg data-timeline=\"with\""] {
        assert_eq!(page.matches(once).count(), 1, "{once}");
    }
    let page = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for outside in ["http://", "https://", "src=", "href=", "<script"] {
        assert!(!page.contains(outside), "the page refers to another file or server: {outside}");
    }
}
