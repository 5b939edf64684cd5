//! Measures how well a fleet used its budget.

use std::collections::BTreeMap;
use std::fmt;

use crate::promise::Promise;
use crate::windows::Start;

/// Use of a budget over a time.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Units started, as a share of what the pacing limit allows in that time.
    pub utilisation: f64,
    /// Coefficient of variation of the gaps between starts.
    pub gap_variation: f64,
    /// Smallest number of units of a worker divided by the largest.
    pub fairness: f64,
}

impl Usage {
    /// Returns the use by `workers` between two readings of the clock. `starts` are in order.
    #[must_use]
    pub fn of(starts: &[Start], promise: &Promise, workers: usize, from: u64, to: u64) -> Self {
        let within: Vec<&Start> = starts.iter().filter(|start| (from..to).contains(&start.at)).collect();
        let units: u64 = within.iter().map(|start| u64::from(start.units)).sum();
        let mut units_of: BTreeMap<usize, u64> = (0..workers).map(|worker| (worker, 0)).collect();
        for start in &within {
            *units_of.entry(start.worker).or_default() += u64::from(start.units);
        }
        let least = units_of.values().min().copied().unwrap_or(0);
        let most = units_of.values().max().copied().unwrap_or(0);
        Self {
            utilisation: units as f64 / promise.budget(to - from),
            gap_variation: variation(within.windows(2).map(|pair| (pair[1].at - pair[0].at) as f64)),
            fairness: least as f64 / most as f64,
        }
    }
}

/// Returns the standard deviation divided by the mean.
fn variation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let number = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / number;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / number;
    variance.sqrt() / mean
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { utilisation, gap_variation, fairness } = self;
        write!(f, "used {utilisation:.4}, gaps vary by {gap_variation:.3}, least/most {fairness:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;

    fn half_of_200() -> Vec<Start> {
        (0..400).map(|n| Start { at: n * 10_000, worker: n as usize % 2, units: 1 }).collect()
    }

    #[test]
    fn half_of_the_budget_is_a_utilisation_of_a_half() {
        let usage = Usage::of(&half_of_200(), &Promise::of(&["200/s"], 1), 2, 0, 4 * SECOND);
        assert_eq!((usage.utilisation, usage.gap_variation, usage.fairness), (0.5, 0.0, 1.0));
    }

    #[test]
    fn a_worker_without_starts_makes_the_fairness_zero() {
        assert_eq!(Usage::of(&half_of_200(), &Promise::of(&["200/s"], 1), 3, 0, 4 * SECOND).fairness, 0.0);
    }

    #[test]
    fn gaps_of_one_and_three_have_a_variation_of_a_half() {
        assert_eq!(variation([1.0, 3.0].into_iter()), 0.5);
    }
}
