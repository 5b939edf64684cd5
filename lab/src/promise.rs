//! The promise of a throttle, as numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use stitchapi::Rate;

use crate::clock::{MILLISECOND, SECOND};

/// The lengths of the intervals that are judged.
const INTERVALS: [u64; 5] = [SECOND / 10, SECOND / 2, SECOND, 2 * SECOND, 5 * SECOND];

/// One limit of a throttle, as it holds for a fleet.
#[derive(Debug, Clone)]
pub struct Limit {
    /// How many units a period, in the long run.
    pub permits: u32,
    /// The period, in microseconds.
    pub period: u64,
    /// So many may start at once after a pause.
    pub burst: u32,
    /// The most units in any half-open window of the period.
    pub most: u32,
}

/// A window, and the most that may start in it.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The length of the window, in microseconds.
    pub window: u64,
    /// So many units.
    pub most: f64,
}

/// What a throttle promises.
#[derive(Debug, Clone)]
pub struct Promise {
    /// Its limits; the first one paces.
    pub limits: Vec<Limit>,
    /// How late a start may be, in microseconds.
    pub guard: u64,
    /// The least that may start at once.
    at_once: u32,
}

/// A rate as the command line of a worker says it: `200/s` or, with a burst, `200/s,5`.
///
/// # Panics
///
/// If it is none.
#[must_use]
pub fn rate(text: &str) -> (Rate, Option<u32>) {
    let (rate, burst) = text.split_once(',').map_or((text, None), |(rate, burst)| (rate, Some(burst)));
    (rate.parse().unwrap(), burst.map(|burst| burst.parse().unwrap()))
}

impl Promise {
    /// The promise of a throttle of these rates, for calls that cost at most `largest`.
    #[must_use]
    pub fn of(rates: &[&str], largest: u32) -> Self {
        let mut rates: Vec<_> = rates.iter().map(|text| rate(text)).collect();
        rates.sort_by_key(|(rate, _)| rate.period());
        let shortest = rates[0].0.period();
        let limit = |(rate, burst): &(Rate, Option<u32>)| {
            let (declared, period) = (rate.permits(), rate.period());
            if period == shortest {
                let burst = burst.unwrap_or(1);
                let most = declared + burst.max(largest) - 1;
                Limit { permits: declared, period: micros(period), burst, most }
            } else {
                let burst = burst.unwrap_or((declared / 2).max(1));
                Limit { permits: declared - burst + 1, period: micros(period), burst, most: declared }
            }
        };
        let guard = micros(shortest / 200).clamp(MILLISECOND, 5 * MILLISECOND);
        Self { limits: rates.iter().map(limit).collect(), guard, at_once: largest }
    }

    /// The same where so many processes pace alone for a time, each with a burst of one: over an interval that is their
    /// number. Of a whole period they promise no more than together.
    #[must_use]
    pub fn alone(mut self, processes: u32) -> Self {
        self.at_once = self.at_once.max(processes);
        self
    }

    /// All windows that are judged, the shortest first, each with the least that any limit promises of it.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        let mut least: BTreeMap<u64, f64> = BTreeMap::new();
        for Bound { window, most } in self.limits.iter().flat_map(|limit| self.bounds_of(limit)) {
            least.entry(window).and_modify(|least| *least = least.min(most)).or_insert(most);
        }
        least.into_iter().map(|(window, most)| Bound { window, most }).collect()
    }

    /// The units that the pacing limit has in so many microseconds.
    #[must_use]
    pub fn budget(&self, micros: u64) -> f64 {
        let paces = &self.limits[0];
        f64::from(paces.permits) * micros as f64 / paces.period as f64
    }

    fn bounds_of(&self, limit: &Limit) -> Vec<Bound> {
        let per_micro = f64::from(limit.permits) / limit.period as f64;
        let mut bounds = vec![Bound { window: limit.period, most: limit.most.into() }];
        for window in INTERVALS {
            let late = if window < limit.period { per_micro * self.guard as f64 } else { 0.0 };
            let most = per_micro * window as f64 + f64::from(limit.burst.max(self.at_once)) + late;
            bounds.push(Bound { window, most });
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

    fn most(promise: &Promise, seconds: f64) -> f64 {
        let bounds = promise.bounds();
        bounds.iter().find(|bound| bound.window == (seconds * SECOND as f64) as u64).unwrap().most
    }

    #[test]
    fn a_window_of_the_period_holds_the_permits_and_the_burst_less_one() {
        assert_eq!(most(&Promise::of(&["200/s"], 1), 1.0), 200.0);
        assert_eq!(most(&Promise::of(&["200/s,50"], 1), 1.0), 249.0);
        assert_eq!(most(&Promise::of(&["10/s,2"], 3), 1.0), 12.0);
    }

    #[test]
    fn a_shorter_interval_has_the_guard_on_top() {
        assert_eq!(most(&Promise::of(&["200/s,5"], 1), 0.1), 20.0 + 5.0 + 1.0);
        assert_eq!(most(&Promise::of(&["200/s,5"], 1), 5.0), 1_005.0);
    }

    #[test]
    fn processes_that_pace_alone_have_a_burst_each_but_no_more_a_period() {
        let alone = Promise::of(&["200/s"], 1).alone(4);
        assert_eq!((most(&alone, 0.1), most(&alone, 1.0), most(&alone, 2.0)), (25.0, 200.0, 404.0));
    }

    #[test]
    fn a_window_of_a_cap_holds_its_permits() {
        let promise = Promise::of(&["1000/h", "10/s"], 1);
        assert_eq!((promise.limits[0].period, promise.guard), (1_000_000, 5_000));
        assert_eq!(most(&promise, 3_600.0), 1_000.0);
        assert_eq!((promise.limits[1].permits, promise.limits[1].burst, promise.limits[1].most), (501, 500, 1_000));
    }
}
