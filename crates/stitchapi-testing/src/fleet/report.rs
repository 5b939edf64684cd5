//! What a simulated fleet did.

use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stitchapi_core::pace::Limit;
use stitchapi_core::{Tick, micros_up};

use super::{Counterexample, Fault, Promise};

/// The unit that every start draws one of.
const CALLS: &str = "calls";

/// A request that was handed to the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// By which worker, from 0.
    pub worker: usize,
    /// When, from the beginning of the run.
    pub at: Duration,
    /// What it drew beside one call.
    pub units: Vec<(&'static str, u32)>,
}

impl Start {
    /// What it drew of a unit.
    #[must_use]
    pub fn drawn(&self, unit: &str) -> u32 {
        let told = self.units.iter().find(|(told, _)| *told == unit).map(|(_, units)| *units);
        told.unwrap_or(u32::from(unit == CALLS))
    }
}

/// The starts of a run, as they are written down.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) begun: Tick,
    starts: Mutex<Vec<Start>>,
}

impl Record {
    pub(super) fn new(begun: Tick) -> Self {
        Self { begun, starts: Mutex::default() }
    }

    pub(super) fn push(&self, start: Start) {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner).push(start);
    }

    pub(super) fn take(&self) -> Vec<Start> {
        std::mem::take(&mut self.starts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a [`SimFleet`](super::SimFleet) did in one run, and how good it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetReport {
    /// The seed that gives the same run again.
    pub seed: u64,
    /// How many workers there were.
    pub workers: usize,
    /// What went wrong, and when from the beginning of the run.
    pub faults: Vec<(Duration, Fault)>,
    /// Every start of every worker, in order.
    pub starts: Vec<Start>,
}

impl FleetReport {
    /// How many starts each worker made.
    #[must_use]
    pub fn per_worker(&self) -> Vec<usize> {
        let mut starts = vec![0; self.workers];
        self.starts.iter().for_each(|start| starts[start.worker] += 1);
        starts
    }

    /// The most starts in any half-open window of this length.
    #[must_use]
    pub fn most_in(&self, window: Duration) -> usize {
        let mut end = 0;
        let counts = self.starts.iter().enumerate().map(|(index, first)| {
            end += self.starts[end..].iter().take_while(|start| start.at < first.at + window).count();
            end - index
        });
        counts.max().unwrap_or(0)
    }

    /// What part of `permits` per `period` was used in this part of the run.
    #[must_use]
    pub fn utilisation(&self, permits: u32, period: Duration, part: Range<Duration>) -> f64 {
        let budget = f64::from(permits) * (part.end - part.start).as_secs_f64() / period.as_secs_f64();
        self.within(&part).count() as f64 / budget
    }

    /// How uneven the starts in this part of the run are: the coefficient of variation of the gaps between them. 0 is a
    /// metronome, 1 is chance; 0 also for fewer than three starts.
    #[must_use]
    pub fn gap_cv(&self, part: Range<Duration>) -> f64 {
        let at: Vec<Duration> = self.within(&part).map(|start| start.at).collect();
        let gaps: Vec<f64> = at.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let count = gaps.len().max(1) as f64;
        let mean = gaps.iter().sum::<f64>() / count;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
        if mean > 0.0 { variance.sqrt() / mean } else { 0.0 }
    }

    /// The starts of the worker with the fewest by those of the one with the most: 1 is fair. 0 if nobody started anything.
    #[must_use]
    pub fn fairness(&self) -> f64 {
        let starts = self.per_worker();
        let (least, most) = (starts.iter().min().copied().unwrap_or(0), starts.iter().max().copied().unwrap_or(0));
        if most > 0 { least as f64 / most as f64 } else { 0.0 }
    }

    /// Checks the promise of these limits, as they are declared by default and with nothing allowed:
    /// [`Promise::judge`].
    ///
    /// # Errors
    ///
    /// The first window that holds more than it may.
    pub fn promise(&self, limits: &[Limit]) -> Result<(), Box<Counterexample>> {
        Promise::of(limits).judge(self).map(drop)
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
    fn even_starts_have_no_variation_and_pairs_have_all_of_it() {
        let all = Duration::ZERO..Duration::from_secs(1);
        assert!(report(&[0, 10, 20, 30]).gap_cv(all.clone()) < 1e-9);
        assert!((report(&[0, 0, 20, 20, 40]).gap_cv(all.clone()) - 1.0).abs() < 1e-9);
        assert_eq!(report(&[5]).gap_cv(all), 0.0);
    }

    #[test]
    fn use_and_fairness_are_parts_of_one() {
        let report = report(&[0, 10, 20, 30, 900]);
        let first = Duration::ZERO..Duration::from_millis(500);
        assert_eq!(report.utilisation(10, Duration::from_secs(1), first), 0.8);
        assert_eq!((report.per_worker(), report.fairness()), (vec![3, 2], 2.0 / 3.0));
    }

    #[test]
    fn a_start_draws_one_call_unless_it_says_otherwise() {
        let mut start = report(&[0]).starts.remove(0);
        assert_eq!((start.drawn("calls"), start.drawn("tokens")), (1, 0));
        start.units = vec![("tokens", 9), ("calls", 2)];
        assert_eq!((start.drawn("calls"), start.drawn("tokens")), (2, 9));
    }
}
