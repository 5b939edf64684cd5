//! The promise of a throttle as numbers: the most units that may start in windows of several lengths.
//!
//! Input: the rates of a throttle. Output: [`Bound`]s, which [`crate::windows`] compares with the starts of a fleet.

use std::collections::BTreeMap;
use std::time::Duration;

use stitchapi::Rate;

use crate::clock::{MILLISECOND, SECOND};

/// Lengths of the checked windows in microseconds, besides the periods of the limits.
const INTERVALS: [u64; 5] = [SECOND / 10, SECOND / 2, SECOND, 2 * SECOND, 5 * SECOND];

/// One limit of a throttle, shared by a fleet.
#[derive(Debug, Clone)]
pub struct Limit {
    /// Units per period in the long run.
    pub permits: u32,
    /// Period in microseconds.
    pub period: u64,
    /// Units that may start at once after a pause.
    pub burst: u32,
    /// Maximum number of units in any half-open window of one period.
    pub max_units: u32,
}

/// The maximum number of units in a window of one length.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Length of the window in microseconds.
    pub window: u64,
    /// Maximum number of units.
    pub units: f64,
}

/// The limits of a throttle and the tolerances of their windows.
#[derive(Debug, Clone)]
pub struct Promise {
    /// Limits in the order of their periods; the first one paces.
    pub limits: Vec<Limit>,
    /// Maximum lateness of a start in microseconds.
    pub max_lateness: u64,
    /// Units that may start at once whatever the burst.
    min_burst: u32,
}

/// Parses a rate as on the command line of a worker: `200/s` or, with a burst, `200/s,5`.
///
/// # Panics
///
/// If the text is not a rate.
#[must_use]
pub fn rate(text: &str) -> (Rate, Option<u32>) {
    let (rate, burst) = text.split_once(',').map_or((text, None), |(rate, burst)| (rate, Some(burst)));
    (rate.parse().unwrap(), burst.map(|burst| burst.parse().unwrap()))
}

impl Promise {
    /// Returns the promise of a throttle with these rates, for calls that cost at most `largest` units.
    #[must_use]
    pub fn of(rates: &[&str], largest: u32) -> Self {
        let mut rates: Vec<_> = rates.iter().map(|text| rate(text)).collect();
        rates.sort_by_key(|(rate, _)| rate.period());
        let shortest = rates[0].0.period();
        let limit = |(rate, burst): &(Rate, Option<u32>)| {
            let (declared, period) = (rate.permits(), rate.period());
            if period == shortest {
                let burst = burst.unwrap_or(1);
                let max_units = declared + burst.max(largest) - 1;
                Limit { permits: declared, period: micros(period), burst, max_units }
            } else {
                let burst = burst.unwrap_or((declared / 2).max(1));
                Limit { permits: declared - burst + 1, period: micros(period), burst, max_units: declared }
            }
        };
        let max_lateness = micros(shortest / 200).clamp(MILLISECOND, 5 * MILLISECOND);
        Self { limits: rates.iter().map(limit).collect(), max_lateness, min_burst: largest }
    }

    /// Returns the promise for a time in which this number of processes pace alone, each with a burst of one. Together they have
    /// a burst of their number in any window, except in one of exactly one period.
    #[must_use]
    pub fn alone(mut self, processes: u32) -> Self {
        self.min_burst = self.min_burst.max(processes);
        self
    }

    /// Returns the bound of each checked length, the shortest first: the least that any limit allows.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        let mut least: BTreeMap<u64, f64> = BTreeMap::new();
        for Bound { window, units } in self.limits.iter().flat_map(|limit| self.bounds_of(limit)) {
            least.entry(window).and_modify(|least| *least = least.min(units)).or_insert(units);
        }
        least.into_iter().map(|(window, units)| Bound { window, units }).collect()
    }

    /// Returns the units that the pacing limit allows in a duration in microseconds.
    #[must_use]
    pub fn budget(&self, micros: u64) -> f64 {
        let pacing = &self.limits[0];
        f64::from(pacing.permits) * micros as f64 / pacing.period as f64
    }

    fn bounds_of(&self, limit: &Limit) -> Vec<Bound> {
        let per_micro = f64::from(limit.permits) / limit.period as f64;
        let mut bounds = vec![Bound { window: limit.period, units: limit.max_units.into() }];
        for window in INTERVALS {
            let late = if window < limit.period { per_micro * self.max_lateness as f64 } else { 0.0 };
            let units = per_micro * window as f64 + f64::from(limit.burst.max(self.min_burst)) + late;
            bounds.push(Bound { window, units });
        }
        bounds
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn max_units(promise: &Promise, seconds: f64) -> f64 {
        let bounds = promise.bounds();
        bounds.iter().find(|bound| bound.window == (seconds * SECOND as f64) as u64).unwrap().units
    }

    #[test]
    fn a_window_of_the_period_holds_the_permits_and_the_burst_less_one() {
        assert_eq!(max_units(&Promise::of(&["200/s"], 1), 1.0), 200.0);
        assert_eq!(max_units(&Promise::of(&["200/s,50"], 1), 1.0), 249.0);
        assert_eq!(max_units(&Promise::of(&["10/s,2"], 3), 1.0), 12.0);
    }

    #[test]
    fn a_window_shorter_than_the_period_adds_the_maximum_lateness() {
        assert_eq!(max_units(&Promise::of(&["200/s,5"], 1), 0.1), 20.0 + 5.0 + 1.0);
        assert_eq!(max_units(&Promise::of(&["200/s,5"], 1), 5.0), 1_005.0);
    }

    #[test]
    fn processes_that_pace_alone_add_a_burst_each_except_in_one_period() {
        let alone = Promise::of(&["200/s"], 1).alone(4);
        assert_eq!((max_units(&alone, 0.1), max_units(&alone, 1.0), max_units(&alone, 2.0)), (25.0, 200.0, 404.0));
    }

    #[test]
    fn a_period_of_a_cap_holds_its_permits() {
        let promise = Promise::of(&["1000/h", "10/s"], 1);
        assert_eq!((promise.limits[0].period, promise.max_lateness), (1_000_000, 5_000));
        assert_eq!(max_units(&promise, 3_600.0), 1_000.0);
        assert_eq!(
            (promise.limits[1].permits, promise.limits[1].burst, promise.limits[1].max_units),
            (501, 500, 1_000)
        );
    }
}
