//! What a simulated fleet did, and measures of it.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use stitchapi_core::micros_up;

use super::fault::Fault;
use super::start::Start;
use crate::starts;

/// Every start of one run of a [`SimFleet`](super::SimFleet), with measures of rate, evenness and fairness.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_testing::SimFleet;
///
/// let second = Duration::from_secs(1);
/// let report = SimFleet::new(7).workers(2).run(second, |worker| async move {
///     loop {
///         worker.start([]);
///         worker.sleep(Duration::from_millis(100)).await;
///     }
/// });
/// assert_eq!((report.most_in(second), report.fairness()), (20, 1.0));
/// assert_eq!(report.utilisation(20, second, Duration::ZERO..second), 1.0);
/// println!("{report}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetReport {
    /// Seed that repeats the run.
    pub seed: u64,
    /// Number of workers.
    pub workers: usize,
    /// Faults of the run, each with its time since the beginning.
    pub faults: Vec<(Duration, Fault)>,
    /// Every start of every worker, in order of time.
    pub starts: Vec<Start>,
}

impl FleetReport {
    /// Returns the number of starts of each worker.
    #[must_use]
    pub fn per_worker(&self) -> Vec<usize> {
        let mut starts = vec![0; self.workers];
        self.starts.iter().for_each(|start| starts[start.worker] += 1);
        starts
    }

    /// Returns the largest number of starts in any half-open window of this length.
    #[must_use]
    pub fn most_in(&self, window: Duration) -> usize {
        let at: Vec<u64> = self.starts.iter().map(|start| micros_up(start.at)).collect();
        starts::most_in_any_window(&at, window)
    }

    /// Returns the share of `permits` per `period` that was used in a part of the run.
    #[must_use]
    pub fn utilisation(&self, permits: u32, period: Duration, part: Range<Duration>) -> f64 {
        let budget = f64::from(permits) * (part.end - part.start).as_secs_f64() / period.as_secs_f64();
        self.within(&part).count() as f64 / budget
    }

    /// Returns the coefficient of variation of the gaps between consecutive starts in a part of the run.
    ///
    /// 0 is perfectly even, 1 is a Poisson process. Also 0 for fewer than three starts.
    #[must_use]
    pub fn gap_cv(&self, part: Range<Duration>) -> f64 {
        let at: Vec<Duration> = self.within(&part).map(|start| start.at).collect();
        let gaps: Vec<f64> = at.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let count = gaps.len().max(1) as f64;
        let mean = gaps.iter().sum::<f64>() / count;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
        if mean > 0.0 { variance.sqrt() / mean } else { 0.0 }
    }

    /// Returns the starts of the worker with the fewest divided by those of the worker with the most: 1 is fair.
    ///
    /// 0 if there are no starts.
    #[must_use]
    pub fn fairness(&self) -> f64 {
        let starts = self.per_worker();
        let (least, most) = (starts.iter().min().copied().unwrap_or(0), starts.iter().max().copied().unwrap_or(0));
        if most > 0 { least as f64 / most as f64 } else { 0.0 }
    }

    fn within<'a>(&'a self, part: &'a Range<Duration>) -> impl Iterator<Item = &'a Start> {
        self.starts.iter().filter(|start| part.contains(&start.at))
    }
}

impl fmt::Display for FleetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {} starts, by worker {:?}", self.seed, self.starts.len(), self.per_worker())?;
        for (at, fault) in &self.faults {
            write!(f, "\n  {} us  {fault}", micros_up(*at))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(millis: &[u64]) -> FleetReport {
        let start =
            |(index, at): (usize, &u64)| Start { worker: index % 2, at: Duration::from_millis(*at), units: Vec::new() };
        let starts = millis.iter().enumerate().map(start).collect();
        FleetReport { seed: 7, workers: 2, faults: Vec::new(), starts }
    }

    #[test]
    fn a_window_is_half_open() {
        let report = report(&[0, 50, 100, 100, 150]);
        assert_eq!(report.most_in(Duration::from_millis(50)), 2);
        assert_eq!(report.most_in(Duration::from_micros(50_001)), 3);
        assert_eq!(report.most_in(Duration::from_millis(100)), 3);
        assert_eq!(report.most_in(Duration::from_secs(1)), 5);
    }

    #[test]
    fn even_starts_have_a_variation_of_zero_and_pairs_of_one() {
        let all = Duration::ZERO..Duration::from_secs(1);
        assert!(report(&[0, 10, 20, 30]).gap_cv(all.clone()) < 1e-9);
        assert!((report(&[0, 0, 20, 20, 40]).gap_cv(all.clone()) - 1.0).abs() < 1e-9);
        assert_eq!(report(&[5]).gap_cv(all), 0.0);
    }

    #[test]
    fn utilisation_and_fairness_are_shares_of_one() {
        let report = report(&[0, 10, 20, 30, 900]);
        let first = Duration::ZERO..Duration::from_millis(500);
        assert_eq!(report.utilisation(10, Duration::from_secs(1), first), 0.8);
        assert_eq!((report.per_worker(), report.fairness()), (vec![3, 2], 2.0 / 3.0));
    }
}
