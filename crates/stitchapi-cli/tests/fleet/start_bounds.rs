//! Checks the promised bounds on starts, from the file of `--stamps` alone.
//!
//! For a rate `N / W` with burst `b` and maximum lateness `J`, a window of length `T` holds at most `N T / W + b`
//! starts. A window shorter than the period may hold `N J / W` more. A window of exactly the period holds at most `N +
//! b - 1`.

use std::fs;
use std::path::Path;

/// Microseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000;
/// Guard of a rate per second, in seconds.
pub(crate) const MAX_LATENESS: f64 = 0.005;

/// One start of the phase with the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    /// Number of the worker.
    pub(crate) worker: usize,
    /// Time in microseconds on the boot clock.
    pub(crate) at: u64,
}

/// Reads the CSV file of `--stamps`.
pub(crate) fn read_stamps(path: &Path) -> Vec<Stamp> {
    let text = fs::read_to_string(path).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    assert_eq!(header, "worker,start_us");
    let stamp = |row: &str| {
        let (worker, at) = row.split_once(',').unwrap();
        Stamp { worker: worker.parse().unwrap(), at: at.parse().unwrap() }
    };
    rows.lines().map(stamp).collect()
}

/// Returns the maximum number of starts in any half-open window of this length, in microseconds.
///
/// Only windows that begin at a start are counted: no other window holds more.
pub(crate) fn max_starts_in_window(stamps: &[Stamp], length: u64) -> usize {
    let within = |from: u64| stamps.iter().filter(|stamp| (from..from + length).contains(&stamp.at)).count();
    stamps.iter().map(|stamp| within(stamp.at)).max().unwrap_or(0)
}

/// Asserts the bounds of a rate per second, for windows shorter than, equal to, and longer than the period.
pub(crate) fn assert_start_bounds(stamps: &[Stamp], rate: f64, burst: f64) {
    for window in [0.1, 0.5, 1.0, 5.0] {
        let late_starts = if window < 1.0 { rate * MAX_LATENESS } else { 0.0 };
        let bound = if window == 1.0 { rate + burst - 1.0 } else { rate * window + burst + late_starts };
        let max = max_starts_in_window(stamps, (window * SECOND as f64) as u64);
        println!("maximum in {window} s: {max} of {bound}");
        assert!(max as f64 <= bound, "{max} starts in a window of {window} s, the bound is {bound}");
    }
}

/// Returns the number of starts in `from..to`.
pub(crate) fn starts_between(stamps: &[Stamp], from: u64, to: u64) -> usize {
    stamps.iter().filter(|stamp| (from..to).contains(&stamp.at)).count()
}
