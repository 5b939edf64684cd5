//! Measuring two things in turn.

use std::time::Instant;

use measure::figures::{sorted, table};

/// Nanoseconds for one of `times`.
pub fn nanos(times: u32, mut one: impl FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..times {
        one();
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

/// What was measured, beside what.
pub struct Table {
    heading: &'static str,
    turns: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Each of two is measured in so many turns.
    pub fn new(heading: &'static str, turns: usize) -> Self {
        Self { heading, turns, rows: Vec::new() }
    }

    /// Measures `ours` and `theirs` in turn, each giving nanoseconds for one.
    pub fn compare(
        &mut self,
        what: &str,
        mut ours: impl FnMut() -> f64,
        beside: &str,
        mut theirs: impl FnMut() -> f64,
    ) {
        (ours(), theirs());
        let turns: Vec<(f64, f64)> = (0..self.turns).map(|_| (ours(), theirs())).collect();
        let median_of = |figure: fn(&(f64, f64)) -> f64| sorted(turns.iter().map(figure))[self.turns / 2];
        let ratios = sorted(turns.iter().map(|(ours, theirs)| ours / theirs));
        self.rows.push(vec![
            what.to_owned(),
            format!("{:.0} ns", median_of(|turn| turn.0)),
            beside.to_owned(),
            format!("{:.0} ns", median_of(|turn| turn.1)),
            format!("{:.2} ({:.2} .. {:.2})", ratios[self.turns / 2], ratios[0], ratios[self.turns - 1]),
        ]);
    }

    pub fn print(&self) {
        table(self.heading, &["", "median", "beside", "median", "ratio (least .. most)"], &self.rows);
    }
}
