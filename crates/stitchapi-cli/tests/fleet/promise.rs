//! The promise, checked from the stamps alone.
//!
//! Of a rate `N / W` with a burst `b` and a guard `J`, a window of length `T` holds at most `N T / W + b` starts, plus
//! `N J / W` if it is shorter than the period, and one of the period itself at most `N + b - 1`.

use std::fs;
use std::path::Path;

pub(crate) const SECOND: u64 = 1_000_000;
/// The guard of a rate per second.
pub(crate) const GUARD: f64 = 0.005;

/// One start of the run with the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) worker: usize,
    pub(crate) at: u64,
}

pub(crate) fn read_stamps(path: &Path) -> Vec<Stamp> {
    let text = fs::read_to_string(path).unwrap();
    let (head, rows) = text.split_once('\n').unwrap();
    assert_eq!(head, "worker,start_us");
    let stamp = |row: &str| {
        let (worker, at) = row.split_once(',').unwrap();
        Stamp { worker: worker.parse().unwrap(), at: at.parse().unwrap() }
    };
    rows.lines().map(stamp).collect()
}

/// The most starts in any half-open window of this length; it is reached at some start.
pub(crate) fn most_within(stamps: &[Stamp], length: u64) -> usize {
    let within = |from: u64| stamps.iter().filter(|stamp| (from..from + length).contains(&stamp.at)).count();
    stamps.iter().map(|stamp| within(stamp.at)).max().unwrap_or(0)
}

pub(crate) fn assert_promise(stamps: &[Stamp], rate: f64, burst: f64) {
    for window in [0.1, 0.5, 1.0, 5.0] {
        let slack = if window < 1.0 { rate * GUARD } else { 0.0 };
        let bound = if window == 1.0 { rate + burst - 1.0 } else { rate * window + burst + slack };
        let most = most_within(stamps, (window * SECOND as f64) as u64);
        println!("most in {window} s: {most} of {bound}");
        assert!(most as f64 <= bound, "{most} starts in a window of {window} s, at most {bound} are promised");
    }
}

pub(crate) fn starts_between(stamps: &[Stamp], from: u64, to: u64) -> usize {
    stamps.iter().filter(|stamp| (from..to).contains(&stamp.at)).count()
}
