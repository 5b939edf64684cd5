//! Summary table of all seeds, with a row for each disturbance.

use std::collections::BTreeMap;
use std::fmt;

use stitchapi_testing::Window;

use crate::disturbance::Disturbance;
use crate::scenario::{RunSummary, Scenario};

/// Results of all seeds, by disturbance. Its `Display` is a Markdown table.
#[derive(Debug, Default)]
pub(crate) struct Summary(BTreeMap<Disturbance, Row>);

#[derive(Debug, Default)]
struct Row {
    seeds: u64,
    counterexamples: u64,
    /// Window closest to its bound, with its seed.
    fullest: Option<(u64, Window)>,
    /// Sum of the used shares of the budget.
    used: f64,
}

impl Summary {
    /// Adds a run that kept its promise.
    pub(crate) fn add(&mut self, scenario: &Scenario, run: &RunSummary) {
        let row = self.0.entry(scenario.disturbance).or_default();
        row.seeds += 1;
        row.used += run.used;
        let left = |window: &Window| window.bound - window.units;
        if let Some(window) = &run.fullest {
            // Of two windows equally close to their bounds, the one with more units is shown.
            let rank = |window: &Window| (left(window), u64::MAX - window.units);
            if row.fullest.as_ref().is_none_or(|(_, fullest)| rank(window) < rank(fullest)) {
                row.fullest = Some((scenario.seed, window.clone()));
            }
        }
    }

    /// Adds a run that broke its promise.
    pub(crate) fn add_counterexample(&mut self, scenario: &Scenario) {
        let row = self.0.entry(scenario.disturbance).or_default();
        row.seeds += 1;
        row.counterexamples += 1;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| disturbance | bound | seeds | counterexamples | fullest window | mean use |")?;
        writeln!(f, "| --- | --- | ---: | ---: | --- | ---: |")?;
        for (disturbance, row) in &self.0 {
            let Row { seeds, counterexamples, fullest, used } = row;
            let fullest = fullest.as_ref().map_or(String::new(), |(seed, window)| {
                let Window { limit, length, units, bound, .. } = window;
                format!("{units} of {bound} {} in {length:?} (seed {seed})", limit.unit())
            });
            let (description, bound) = (disturbance.description(), disturbance.bound());
            let used = used / (seeds - counterexamples).max(1) as f64;
            writeln!(f, "| {description} | {bound} | {seeds} | {counterexamples} | {fullest} | {used:.2} |")?;
        }
        Ok(())
    }
}
