//! Measuring two things in turn.

use std::time::Instant;

/// How often each of the two is measured.
const TURNS: usize = 15;

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
    rows: Vec<[String; 5]>,
}

impl Table {
    pub fn new() -> Self {
        let head = ["", "median", "beside", "median", "ratio (least .. most)"];
        Self { rows: vec![head.map(str::to_owned)] }
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
        let turns: Vec<(f64, f64)> = (0..TURNS).map(|_| (ours(), theirs())).collect();
        let median_of = |figure: fn(&(f64, f64)) -> f64| sorted(turns.iter().map(figure))[TURNS / 2];
        let ratios = sorted(turns.iter().map(|(ours, theirs)| ours / theirs));
        self.rows.push([
            what.to_owned(),
            format!("{:.0} ns", median_of(|turn| turn.0)),
            beside.to_owned(),
            format!("{:.0} ns", median_of(|turn| turn.1)),
            format!("{:.2} ({:.2} .. {:.2})", ratios[TURNS / 2], ratios[0], ratios[TURNS - 1]),
        ]);
    }

    pub fn print(&self) {
        for [what, ours, beside, theirs, ratio] in &self.rows {
            println!("{what:<46}{ours:>12}   {beside:<42}{theirs:>12}   {ratio}");
        }
    }
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}
