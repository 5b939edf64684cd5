//! Use of the budget: after a worker is killed or paused, with a burst, and with separate stores.

use std::process::Command;

use rustix::process::{Signal, kill_process};

use crate::harness::{STITCH, TestFolder, exclusive};
use crate::running_fleet::RunningFleet;
use crate::start_bounds::{MAX_LATENESS, SECOND, assert_start_bounds, read_stamps, starts_between};

#[test]
fn the_other_workers_use_the_share_of_a_killed_worker_after_two_seconds() {
    let _exclusive = exclusive();
    let folder = TestFolder::new();
    let fleet = RunningFleet::start(&folder, &["--duration", "12s"]);
    let killed_at = fleet.sleep(4.0);
    kill_process(fleet.workers[2], Signal::KILL).unwrap();
    fleet.wait();

    let stamps = read_stamps(&folder.stamps());
    assert_start_bounds(&stamps, 50.0, 1.0);
    let end = stamps.last().unwrap().at;
    let (from, to) = (killed_at + 2 * SECOND, end);
    let used = starts_between(&stamps, from, to) as f64 / ((to - from) as f64 / SECOND as f64 * 50.0);
    println!("share of the budget used from two seconds after the kill: {used:.3}");
    assert!(used >= 0.95, "{used}");
    let silent: Vec<usize> =
        (0..4).filter(|worker| !stamps.iter().any(|stamp| stamp.worker == *worker && stamp.at > from)).collect();
    assert_eq!(silent.len(), 1, "workers without a start after the kill: {silent:?}");
}

#[test]
fn a_worker_that_was_paused_for_two_seconds_starts_no_call_after_its_slot() {
    let _exclusive = exclusive();
    let folder = TestFolder::new();
    let fleet = RunningFleet::start(&folder, &["--duration", "10s"]);
    fleet.sleep(3.0);
    kill_process(fleet.workers[1], Signal::STOP).unwrap();
    let stopped = fleet.sleep(0.05);
    let resumed = fleet.sleep(2.0);
    kill_process(fleet.workers[1], Signal::CONT).unwrap();
    fleet.wait();

    let stamps = read_stamps(&folder.stamps());
    assert_start_bounds(&stamps, 50.0, 1.0);
    // Each start is at most the maximum lateness after its slot, and slots are one spacing apart.
    let spacing = (SECOND as f64 * (1.0 + MAX_LATENESS) / 50.0) as u64;
    let smallest = stamps.windows(2).map(|pair| pair[1].at - pair[0].at).min().unwrap();
    println!("smallest gap: {smallest} us");
    assert!(smallest > spacing - (MAX_LATENESS * SECOND as f64) as u64, "{smallest}");
    let stamps_of = |worker| stamps.iter().filter(move |stamp| stamp.worker == worker);
    let paused: Vec<usize> =
        (0..4).filter(|worker| !stamps_of(*worker).any(|stamp| (stopped..resumed).contains(&stamp.at))).collect();
    assert_eq!(paused.len(), 1, "workers without a start during the pause: {paused:?}");
    assert!(stamps_of(paused[0]).any(|stamp| stamp.at > resumed), "the paused worker made no call after the pause");
}

#[test]
fn a_burst_is_shared_by_the_fleet() {
    let _exclusive = exclusive();
    let folder = TestFolder::new();
    let fleet = RunningFleet::start(&folder, &["--duration", "4s", "--rate", "100/s", "--burst", "5", "--tasks", "30"]);
    let figures = fleet.wait();
    assert_start_bounds(&read_stamps(&folder.stamps()), 100.0, 5.0);
    assert!(figures["with_store"]["utilisation"].as_f64().unwrap() >= 0.95);
}

#[test]
fn the_table_says_that_each_worker_has_memory_of_its_own() {
    let _exclusive = exclusive();
    let arguments = ["fleet", "--workers", "2", "--tasks", "3", "--duration", "1s", "--store", "memory:"];
    let output = Command::new(STITCH).args(arguments).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && table.contains("memory of each worker"), "{table}");
}
