//! What the seeds showed, trouble by trouble.

use std::collections::BTreeMap;
use std::fmt;

use stitchapi_testing::Window;

use crate::scenario::{Scenario, Seen, Trouble};

#[derive(Debug, Default)]
pub(crate) struct Table(BTreeMap<Trouble, Row>);

#[derive(Debug, Default)]
struct Row {
    seeds: u64,
    broken: u64,
    /// The window nearest to its bound, and the seed.
    fullest: Option<(u64, Window)>,
    used: f64,
}

impl Table {
    pub(crate) fn add(&mut self, scenario: &Scenario, seen: &Seen) {
        let row = self.0.entry(scenario.trouble).or_default();
        row.seeds += 1;
        row.used += seen.used;
        let left = |window: &Window| window.bound - window.units;
        if let Some(window) = &seen.fullest {
            // Among the full ones the largest says most.
            let rank = |window: &Window| (left(window), u64::MAX - window.units);
            if row.fullest.as_ref().is_none_or(|(_, fullest)| rank(window) < rank(fullest)) {
                row.fullest = Some((scenario.seed, window.clone()));
            }
        }
    }

    pub(crate) fn add_broken(&mut self, scenario: &Scenario) {
        let row = self.0.entry(scenario.trouble).or_default();
        row.seeds += 1;
        row.broken += 1;
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what goes wrong | bound | seeds | counterexamples | fullest window | mean use |")?;
        writeln!(f, "| --- | --- | ---: | ---: | --- | ---: |")?;
        for (trouble, row) in &self.0 {
            let Row { seeds, broken, fullest, used } = row;
            let fullest = fullest.as_ref().map_or(String::new(), |(seed, window)| {
                let Window { limit, length, units, bound, .. } = window;
                format!("{units} of {bound} {} in {length:?} (seed {seed})", limit.unit())
            });
            let (what, bound, used) = (trouble.what(), trouble.bound(), used / (seeds - broken).max(1) as f64);
            writeln!(f, "| {what} | {bound} | {seeds} | {broken} | {fullest} | {used:.2} |")?;
        }
        Ok(())
    }
}
