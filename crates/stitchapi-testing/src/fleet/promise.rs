//! The promise of rate limits, and whether a fleet kept it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use stitchapi_core::micros_up;
use stitchapi_core::pace::{Limit, LimitId, default_max_lateness};

use super::fault::Fault;
use super::report::FleetReport;
use super::start::Start;
use crate::starts;

/// Lengths of the windows that are checked, in tenths of a period.
const TENTHS: [u32; 5] = [1, 5, 10, 20, 50];

/// Number of starts that a counterexample prints, from its beginning and from its end.
const PRINTED: usize = 20;

/// The promise of some limits for every window of a run: see [`pace`](stitchapi_core::pace).
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::pace::{Limit, LimitId};
/// use stitchapi_testing::{Allowance, Promise, SimFleet};
///
/// let second = Duration::from_secs(1);
/// let report = SimFleet::new(7).workers(4).run(4 * second, |worker| async move {
///     loop {
///         worker.start([]);
///         worker.sleep(second).await;
///     }
/// });
/// // Four workers share 4 per second, but all start at the same time.
/// let promise = Promise::of(&[Limit { id: LimitId::calls(second), permits: 4, burst: 1 }]);
/// assert!(promise.validate(&report).is_err());
/// promise.allowing(Allowance::LocalPacing { workers: 4 }).validate(&report).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Promise {
    limits: Vec<Limit>,
    max_lateness: Duration,
    allowances: Vec<Allowance>,
}

/// Starts beyond the promise that a fault may cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Allowance {
    /// This many more units in any window, such as the slots that one process may hold.
    Plus(u32),
    /// `workers` of the `of` workers of the fleet use a second budget at their share, so the bound is multiplied by
    /// `1 + workers/of`.
    Share {
        /// Number of workers that pace without the store.
        workers: u32,
        /// Number of workers in the fleet.
        of: u32,
    },
    /// Each of `workers` paces alone at its share of the budget. Together they stay within the budget in any period, but
    /// all may start a call at the same time, whatever the burst.
    LocalPacing {
        /// Number of workers that pace alone.
        workers: u32,
    },
    /// Every window counts as if it were longer by this: the budget of that time was given away.
    Longer(Duration),
}

/// A half-open window of a run, and the units that started in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Limit that the window was checked for.
    pub limit: LimitId,
    /// Beginning of the window, since the beginning of the run.
    pub from: Duration,
    /// Length of the window.
    pub length: Duration,
    /// Units that started in it.
    pub units: u64,
    /// Largest number of units that the promise permits.
    pub bound: u64,
}

/// A window with more units than promised, in a run that its seed repeats.
///
/// Its [`Display`](fmt::Display) form has the window, the faults, and the first and last starts in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// Seed of the run.
    pub seed: u64,
    /// The window.
    pub window: Window,
    /// Starts within the window.
    pub starts: Vec<Start>,
    /// Faults of the run, each with its time since the beginning.
    pub faults: Vec<(Duration, Fault)>,
}

impl Promise {
    /// Creates the promise of these limits, with the default maximum lateness of their shortest period.
    #[must_use]
    pub fn of(limits: &[Limit]) -> Self {
        let shortest = limits.iter().map(|limit| limit.id.period()).min().unwrap_or_default();
        Self { limits: limits.to_vec(), max_lateness: default_max_lateness(shortest), allowances: Vec::new() }
    }

    /// Sets the maximum lateness: how late after its slot a call may start.
    #[must_use]
    pub fn max_lateness(mut self, max_lateness: Duration) -> Self {
        self.max_lateness = max_lateness;
        self
    }

    /// Adds an allowance. Several allowances add up; the default is none.
    #[must_use]
    pub fn allowing(mut self, allowance: Allowance) -> Self {
        self.allowances.push(allowance);
        self
    }

    /// Checks every half-open window of a tenth, a half, one, two and five periods of each limit.
    ///
    /// With `N` permits per period `W`, a burst `b`, a maximum lateness `J` and a largest cost `c`, in whole
    /// microseconds:
    ///
    /// | window | bound |
    /// | --- | --- |
    /// | one period | `N + max(b, c) - 1` |
    /// | `T` longer than a period | `T N / W + max(b, c)` |
    /// | `T` shorter than a period | `T N / W + max(b, c) + J N / W` |
    ///
    /// Returns the window that is closest to its bound; `None` without starts.
    ///
    /// # Errors
    ///
    /// The first window that exceeds its bound.
    pub fn validate(&self, report: &FleetReport) -> Result<Option<Window>, Box<Counterexample>> {
        let mut closest: Option<Window> = None;
        for limit in &self.limits {
            for tenths in TENTHS {
                for window in self.windows(limit, tenths, &report.starts) {
                    if window.units > window.bound {
                        let within = window.from..window.from + window.length;
                        let starts = report.starts.iter().filter(|start| within.contains(&start.at));
                        let (seed, starts, faults) = (report.seed, starts.cloned().collect(), report.faults.clone());
                        return Err(Box::new(Counterexample { seed, window, starts, faults }));
                    }
                    let left = |window: &Window| window.bound - window.units;
                    if closest.as_ref().is_none_or(|closest| left(&window) < left(closest)) {
                        closest = Some(window);
                    }
                }
            }
        }
        Ok(closest)
    }

    /// Returns the window of `tenths` of the period that begins with each start.
    fn windows<'a>(&self, limit: &'a Limit, tenths: u32, starts: &'a [Start]) -> impl Iterator<Item = Window> + 'a {
        let drawn = |start: &Start| u64::from(start.drawn(limit.id.unit()));
        let largest = starts.iter().map(drawn).max().unwrap_or(0);
        let length = limit.id.period() * tenths / 10;
        let bound = self.bound(limit, tenths, largest);
        let units = starts.iter().map(move |start| (micros_up(start.at), drawn(start)));
        starts::windows(units, length).map(move |window| Window {
            limit: limit.id.clone(),
            from: Duration::from_micros(window.from),
            length,
            units: window.units,
            bound,
        })
    }

    /// Returns the largest number of units in a window of `tenths` of the period, allowances included.
    fn bound(&self, limit: &Limit, tenths: u32, largest: u64) -> u64 {
        let (permits, period) = (u128::from(limit.permits), u128::from(micros_up(limit.id.period())));
        let (largest, burst) = (u128::from(largest), u128::from(limit.burst));
        let (mut at_once, mut longer, mut plus, mut share) = (largest.max(burst), 0, 0, (1, 1));
        let is_one_period = tenths == 10;
        for allowance in &self.allowances {
            match *allowance {
                Allowance::Plus(units) => plus += u128::from(units),
                Allowance::Share { workers, of } => {
                    share = (share.0 * u128::from(of.saturating_add(workers)), share.1 * u128::from(of.max(1)));
                }
                Allowance::LocalPacing { workers } if is_one_period => {
                    at_once = at_once.max(u128::from(workers) * largest.saturating_sub(1) + 1);
                }
                Allowance::LocalPacing { workers } => at_once = at_once.max(u128::from(workers) * largest),
                Allowance::Longer(by) => longer += u128::from(micros_up(by)),
            }
        }
        let length = period * u128::from(tenths) / 10 + longer;
        let units = match tenths {
            10 if longer == 0 => permits + at_once - 1,
            0..10 => permits * (length + u128::from(micros_up(self.max_lateness))) / period + at_once,
            _ => permits * length / period + at_once,
        };
        u64::try_from((units + plus) * share.0 / share.1).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, from, length, units, bound } = self;
        let (unit, from) = (limit.unit(), micros_up(*from));
        write!(f, "{units} {unit} in {length:?} from {from} us, at most {bound} are promised")
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}", self.seed, self.window)?;
        for (at, fault) in &self.faults {
            write!(f, "\n  {} us  {fault}", micros_up(*at))?;
        }
        write!(f, "\n  worker@us:")?;
        let is_printed = |(index, _): &(usize, &Start)| *index < PRINTED || index + PRINTED >= self.starts.len();
        for (index, start) in self.starts.iter().enumerate().filter(is_printed) {
            let gap = if index > 0 && index + PRINTED == self.starts.len() { " ..." } else { "" };
            write!(f, "{gap} {}@{}", start.worker, micros_up(start.at))?;
        }
        Ok(())
    }
}

impl Error for Counterexample {}

impl FleetReport {
    /// Validates the [`Promise`] of these limits, with the default maximum lateness and without allowances.
    ///
    /// # Errors
    ///
    /// The first window that exceeds its bound.
    pub fn promise(&self, limits: &[Limit]) -> Result<(), Box<Counterexample>> {
        Promise::of(limits).validate(self).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Returns starts at these milliseconds, each with its number of tokens.
    fn report(starts: impl IntoIterator<Item = (u64, u32)>) -> FleetReport {
        let start = |(at, tokens)| Start { worker: 0, at: Duration::from_millis(at), units: vec![("tokens", tokens)] };
        FleetReport { seed: 7, workers: 1, faults: Vec::new(), starts: starts.into_iter().map(start).collect() }
    }

    fn ten(burst: u32) -> Limit {
        Limit { id: LimitId::calls(SECOND), permits: 10, burst }
    }

    #[test]
    fn starts_at_the_spacing_use_the_bound_exactly() {
        let paced = report((0..50).map(|n| (n * 100, 0)));
        let closest = Promise::of(&[ten(1)]).validate(&paced).unwrap().unwrap();
        assert_eq!((closest.units, closest.bound), (10, 10));
        assert_eq!(Promise::of(&[ten(1)]).validate(&report([])), Ok(None));
    }

    #[test]
    fn one_start_too_many_in_a_period_is_a_counterexample_with_the_seed() {
        let starts = (0..50).map(|n| (n * 100 - u64::from(n == 30), 0));
        let found = report(starts).promise(&[ten(1)]).unwrap_err();
        assert_eq!((found.seed, found.window.units, found.window.bound), (7, 11, 10));
        assert_eq!(found.window.from, 2 * SECOND);
        assert_eq!(found.starts.len(), 11);
    }

    #[test]
    fn windows_shorter_and_longer_than_a_period_are_checked() {
        let bunch = report([(0, 0), (1, 0), (2, 0)]);
        assert_eq!(bunch.promise(&[ten(1)]).unwrap_err().window.length, SECOND / 10);
        let fast = report((0..60).map(|n| (n * 95, 0)));
        assert_eq!(fast.promise(&[ten(2)]).unwrap_err().window.length, 5 * SECOND);
    }

    #[test]
    fn the_max_lateness_raises_the_bound_of_short_windows() {
        let late = report([(0, 0), (0, 0), (99, 0)]);
        assert!(Promise::of(&[ten(1)]).max_lateness(Duration::from_millis(5)).validate(&late).is_err());
        assert!(Promise::of(&[ten(1)]).max_lateness(Duration::from_millis(100)).validate(&late).is_ok());
    }

    #[test]
    fn a_limit_counts_its_own_unit_and_permits_its_largest_cost() {
        let tokens = Limit { id: LimitId::new("tokens", SECOND), permits: 100, burst: 1 };
        let costly = report([(0, 60), (600, 60), (1_200, 60)]);
        assert_eq!(costly.promise(&[tokens.clone(), ten(1)]), Ok(()));
        let costlier = report([(0, 60), (400, 60), (1_200, 60)]);
        assert_eq!(costlier.promise(&[tokens]).unwrap_err().window.units, 120);
    }

    #[test]
    fn each_allowance_raises_the_bound_as_documented() {
        let bound = |allowance: Option<Allowance>, tenths, largest| {
            let promise = allowance.into_iter().fold(Promise::of(&[ten(1)]), Promise::allowing);
            promise.bound(&ten(1), tenths, largest)
        };
        assert_eq!((bound(None, 10, 1), bound(None, 20, 1), bound(None, 10, 3)), (10, 21, 12));
        assert_eq!(bound(Some(Allowance::Plus(3)), 10, 1), 13);
        assert_eq!(bound(Some(Allowance::Share { workers: 1, of: 4 }), 10, 1), 12);
        let local = Some(Allowance::LocalPacing { workers: 4 });
        assert_eq!((bound(local, 10, 1), bound(local, 20, 1), bound(local, 10, 3)), (10, 24, 18));
        let longer = Some(Allowance::Longer(SECOND / 2));
        assert_eq!((bound(longer, 10, 1), bound(longer, 20, 1)), (16, 26));
    }

    #[test]
    fn allowances_add_up() {
        let promise = Promise::of(&[ten(1)]).allowing(Allowance::Plus(1)).allowing(Allowance::Plus(2));
        assert_eq!(promise.allowing(Allowance::Share { workers: 1, of: 1 }).bound(&ten(1), 10, 1), 26);
    }
}
