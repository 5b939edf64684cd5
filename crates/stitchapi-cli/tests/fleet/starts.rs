//! What is left of the budget when a worker dies or stands still, and other budgets.

use std::process::Command;

use rustix::process::{Signal, kill_process};

use crate::promise::{GUARD, SECOND, assert_promise, read_stamps, starts_between};
use crate::scene::{Running, STITCH, Scene, alone};

#[test]
fn the_others_take_over_the_share_of_a_killed_worker_within_two_seconds() {
    let _alone = alone();
    let scene = Scene::new();
    let running = Running::start(&scene, &["--duration", "12s"]);
    let killed_at = running.sleep(4.0);
    kill_process(running.workers[2], Signal::KILL).unwrap();
    running.end();

    let stamps = read_stamps(&scene.stamps());
    assert_promise(&stamps, 50.0, 1.0);
    let end = stamps.last().unwrap().at;
    let (from, to) = (killed_at + 2 * SECOND, end);
    let used = starts_between(&stamps, from, to) as f64 / ((to - from) as f64 / SECOND as f64 * 50.0);
    println!("used from two seconds after the kill on: {used:.3}");
    assert!(used >= 0.95, "{used}");
    let gone: Vec<usize> =
        (0..4).filter(|worker| !stamps.iter().any(|stamp| stamp.worker == *worker && stamp.at > from)).collect();
    assert_eq!(gone.len(), 1, "one worker is gone: {gone:?}");
}

#[test]
fn a_worker_that_stood_still_for_two_seconds_starts_nothing_late() {
    let _alone = alone();
    let scene = Scene::new();
    let running = Running::start(&scene, &["--duration", "10s"]);
    running.sleep(3.0);
    kill_process(running.workers[1], Signal::STOP).unwrap();
    let stopped = running.sleep(0.05);
    let resumed = running.sleep(2.0);
    kill_process(running.workers[1], Signal::CONT).unwrap();
    running.end();

    let stamps = read_stamps(&scene.stamps());
    assert_promise(&stamps, 50.0, 1.0);
    // Every start is less than the guard after its slot, and slots are a spacing apart.
    let spacing = (SECOND as f64 * (1.0 + GUARD) / 50.0) as u64;
    let smallest = stamps.windows(2).map(|pair| pair[1].at - pair[0].at).min().unwrap();
    println!("smallest gap: {smallest} us");
    assert!(smallest > spacing - (GUARD * SECOND as f64) as u64, "{smallest}");
    let of = |worker| stamps.iter().filter(move |stamp| stamp.worker == worker);
    let still: Vec<usize> =
        (0..4).filter(|worker| !of(*worker).any(|stamp| (stopped..resumed).contains(&stamp.at))).collect();
    assert_eq!(still.len(), 1, "one worker stood still: {still:?}");
    assert!(of(still[0]).any(|stamp| stamp.at > resumed), "and went on afterwards");
}

#[test]
fn a_burst_is_a_burst_of_the_fleet() {
    let _alone = alone();
    let scene = Scene::new();
    let running = Running::start(&scene, &["--duration", "4s", "--rate", "100/s", "--burst", "5", "--tasks", "30"]);
    let figures = running.end();
    assert_promise(&read_stamps(&scene.stamps()), 100.0, 5.0);
    assert!(figures["with_store"]["utilisation"].as_f64().unwrap() >= 0.95);
}

#[test]
fn memory_is_each_workers_own_and_the_table_says_so() {
    let _alone = alone();
    let arguments = ["fleet", "--workers", "2", "--tasks", "3", "--duration", "1s", "--store", "memory:"];
    let output = Command::new(STITCH).args(arguments).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && table.contains("memory, each its own"), "{table}");
}
