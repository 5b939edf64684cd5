//! Both halves, side by side.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::promise::{SECOND, assert_promise, most_within, read_stamps};
use crate::scene::{Scene, alone, json};

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
fn without_a_store_four_workers_start_four_times_the_budget_and_with_one_the_budget() {
    let _alone = alone();
    let scene = Scene::new();
    let report = scene.folder.path().join("report.html");
    let figures = json(&scene.command(&["--report", report.to_str().unwrap()]).output().unwrap());
    println!("{figures:#}");
    let (without, with) = (&figures["without_store"], &figures["with_store"]);
    for half in [without, with] {
        let names: BTreeSet<&str> = half.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, BTreeSet::from(FIGURES));
        assert_eq!((&half["workers"], &half["tasks"], &half["rate"]), (&4.into(), &25.into(), &"50/s".into()));
        assert_eq!((&half["rejected_401"], &half["failures"]), (&0.into(), &0.into()));
    }
    let share = |half: &Value| half["utilisation"].as_f64().unwrap();
    assert!((3.6..=4.1).contains(&share(without)), "{}", share(without));
    assert!(without["rejected_429"].as_u64().unwrap() > 1_000);
    assert!((0.95..=1.0).contains(&share(with)), "{}", share(with));
    assert_eq!(with["rejected_429"], 0);
    assert!(with["fairness"].as_f64().unwrap() > 0.8);
    assert_eq!((&without["token_requests"], &with["token_requests"]), (&4.into(), &1.into()));
    let fetches = |half: &Value| half["cached_resource_fetches"].as_u64().unwrap();
    // The resource lives 3 s, the run takes 10.
    assert!((4..=16).contains(&fetches(without)), "{}", fetches(without));
    assert!((1..=4).contains(&fetches(with)), "{}", fetches(with));
    assert_eq!(figures["killed_worker"], Value::Null);

    let stamps = read_stamps(&scene.stamps());
    assert_promise(&stamps, 50.0, 1.0);
    assert_eq!(with["starts"], stamps.len());
    assert_eq!(with["max_in_any_period"], most_within(&stamps, SECOND));
    let workers: BTreeSet<usize> = stamps.iter().map(|stamp| stamp.worker).collect();
    assert_eq!(workers.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);

    let page = fs::read_to_string(report).unwrap();
    for once in ["<svg data-timeline=\"without\"", "<svg data-timeline=\"with\""] {
        assert_eq!(page.matches(once).count(), 1, "{once}");
    }
    let page = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for outside in ["http://", "https://", "src=", "href=", "<script"] {
        assert!(!page.contains(outside), "the page needs nothing but itself: {outside}");
    }
}
