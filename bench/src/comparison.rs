//! Measures two operations in turn and prints their ratio.

use std::time::Instant;

use measure::figures::{sorted, table};

/// Runs an operation `times` times and returns the nanoseconds per run.
pub fn nanos_per_run(times: u32, mut operation: impl FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..times {
        operation();
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

/// Table of operations, each compared with a peer.
pub struct ComparisonTable {
    heading: &'static str,
    /// Number of measurements of each operation.
    turns: usize,
    rows: Vec<Vec<String>>,
}

impl ComparisonTable {
    /// Creates an empty table whose operations are measured `turns` times.
    pub fn new(heading: &'static str, turns: usize) -> Self {
        Self { heading, turns, rows: Vec::new() }
    }

    /// Measures an operation of StitchAPI and its peer in turn, both in nanoseconds per run. The first pair is a warm-up and
    /// is not counted.
    pub fn compare(
        &mut self,
        name: &str,
        mut operation: impl FnMut() -> f64,
        peer_name: &str,
        mut peer: impl FnMut() -> f64,
    ) {
        (operation(), peer());
        let turns: Vec<(f64, f64)> = (0..self.turns).map(|_| (operation(), peer())).collect();
        let median_of = |figure: fn(&(f64, f64)) -> f64| sorted(turns.iter().map(figure))[self.turns / 2];
        let ratios = sorted(turns.iter().map(|(operation, peer)| operation / peer));
        self.rows.push(vec![
            name.to_owned(),
            format!("{:.0} ns", median_of(|turn| turn.0)),
            peer_name.to_owned(),
            format!("{:.0} ns", median_of(|turn| turn.1)),
            format!("{:.2} ({:.2} .. {:.2})", ratios[self.turns / 2], ratios[0], ratios[self.turns - 1]),
        ]);
    }

    /// Prints the table.
    pub fn print(&self) {
        table(self.heading, &["operation", "median", "peer", "median", "ratio (smallest .. largest)"], &self.rows);
    }
}
