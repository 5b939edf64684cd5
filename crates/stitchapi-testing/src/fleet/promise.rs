//! The promise of a pace, and whether a fleet kept it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use stitchapi_core::micros_up;
use stitchapi_core::pace::{Limit, LimitId, default_guard};

use super::{Fault, FleetReport, Start};

/// The intervals that are checked, in tenths of a period.
const TENTHS: [u32; 5] = [1, 5, 10, 20, 50];

/// So many starts of a counterexample are shown, from its beginning and from its end.
const SHOWN: usize = 20;

/// What some limits promise, whoever paces by them: see [`pace`](stitchapi_core::pace).
#[derive(Debug, Clone)]
pub struct Promise {
    limits: Vec<Limit>,
    guard: Duration,
    allowances: Vec<Allowance>,
}

/// How much more than the promise may start, after trouble in which less is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Allowance {
    /// So many units more in any window, such as what one process may hold.
    Plus(u32),
    /// A part of the fleet is on its own, at its share of the budget: so many of so many workers, `1 + k/n`.
    Share {
        /// How many workers are on their own.
        workers: u32,
        /// Of how many.
        of: u32,
    },
    /// Each of so many workers paces alone at its share. All together they are within the budget in any period, but each may
    /// start a call when the others do, however large the burst of a period's beginning is.
    Alone {
        /// How many.
        workers: u32,
    },
    /// Every interval counts as if it were longer by this: so much time was given away.
    Longer(Duration),
}

/// A half-open window, and what started in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// By which limit.
    pub limit: LimitId,
    /// Its beginning, from the beginning of the run.
    pub from: Duration,
    /// Its length.
    pub length: Duration,
    /// What was drawn in it.
    pub units: u64,
    /// What may be.
    pub bound: u64,
}

/// A window that holds more than it may, in a run that can be made again.
///
/// As text it has the first and the last starts, the faults and the seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// The seed of the run.
    pub seed: u64,
    /// The window.
    pub window: Window,
    /// What started in it.
    pub starts: Vec<Start>,
    /// What went wrong in the run.
    pub faults: Vec<(Duration, Fault)>,
}

impl Promise {
    /// The promise of these limits with the default guard of their shortest period.
    #[must_use]
    pub fn of(limits: &[Limit]) -> Self {
        let shortest = limits.iter().map(|limit| limit.id.period()).min().unwrap_or_default();
        Self { limits: limits.to_vec(), guard: default_guard(shortest), allowances: Vec::new() }
    }

    /// How late a start may be, if that was declared.
    #[must_use]
    pub fn guard(mut self, guard: Duration) -> Self {
        self.guard = guard;
        self
    }

    /// What may be more than promised; said again, that too. Nothing is if it is not said.
    #[must_use]
    pub fn allowing(mut self, allowance: Allowance) -> Self {
        self.allowances.push(allowance);
        self
    }

    /// Checks every half-open window of a tenth, a half, one, two and five periods of each limit, in whole microseconds:
    /// one period holds at most `N + max(b, largest cost) - 1` units, longer ones `T N / W + max(b, largest cost)`,
    /// shorter ones `J N / W` more than that. The windows that begin with a start are all that matter.
    ///
    /// Gives the fullest window, by what was left of its bound.
    ///
    /// # Errors
    ///
    /// The first window that holds more than it may.
    pub fn judge(&self, report: &FleetReport) -> Result<Option<Window>, Box<Counterexample>> {
        let mut fullest: Option<Window> = None;
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
                    if fullest.as_ref().is_none_or(|fullest| left(&window) < left(fullest)) {
                        fullest = Some(window);
                    }
                }
            }
        }
        Ok(fullest)
    }

    /// The window of so many tenths of the period that begins with each start.
    fn windows<'a>(&self, limit: &'a Limit, tenths: u32, starts: &'a [Start]) -> impl Iterator<Item = Window> + 'a {
        let drawn = |start: &Start| u64::from(start.drawn(limit.id.unit()));
        let largest = starts.iter().map(drawn).max().unwrap_or(0);
        let length = limit.id.period() * tenths / 10;
        let bound = self.bound(limit, tenths, largest);
        let (mut end, mut units) = (0, 0);
        starts.iter().map(move |first| {
            while let Some(start) = starts.get(end).filter(|start| start.at < first.at + length) {
                units += drawn(start);
                end += 1;
            }
            let window = Window { limit: limit.id.clone(), from: first.at, length, units, bound };
            units -= drawn(first);
            window
        })
    }

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
                Allowance::Alone { workers } if is_one_period => {
                    at_once = at_once.max(u128::from(workers) * largest.saturating_sub(1) + 1);
                }
                Allowance::Alone { workers } => at_once = at_once.max(u128::from(workers) * largest),
                Allowance::Longer(by) => longer += u128::from(micros_up(by)),
            }
        }
        let length = period * u128::from(tenths) / 10 + longer;
        let units = match tenths {
            10 if longer == 0 => permits + at_once - 1,
            0..10 => permits * (length + u128::from(micros_up(self.guard))) / period + at_once,
            _ => permits * length / period + at_once,
        };
        u64::try_from((units + plus) * share.0 / share.1).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, from, length, units, bound } = self;
        let (unit, from) = (limit.unit(), micros_up(*from));
        write!(f, "{units} {unit} in {length:?} from {from} us, where {bound} may be")
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}", self.seed, self.window)?;
        for (at, fault) in &self.faults {
            write!(f, "\n  {} us  {fault}", micros_up(*at))?;
        }
        write!(f, "\n  worker@us:")?;
        let shown = |(index, _): &(usize, &Start)| *index < SHOWN || index + SHOWN >= self.starts.len();
        for (index, start) in self.starts.iter().enumerate().filter(shown) {
            let gap = if index > 0 && index + SHOWN == self.starts.len() { " ..." } else { "" };
            write!(f, "{gap} {}@{}", start.worker, micros_up(start.at))?;
        }
        Ok(())
    }
}

impl Error for Counterexample {}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Starts at these milliseconds, each of which draws so many tokens.
    fn report(starts: impl IntoIterator<Item = (u64, u32)>) -> FleetReport {
        let start = |(at, tokens)| Start { worker: 0, at: Duration::from_millis(at), units: vec![("tokens", tokens)] };
        FleetReport { seed: 7, workers: 1, faults: Vec::new(), starts: starts.into_iter().map(start).collect() }
    }

    fn ten(burst: u32) -> Limit {
        Limit { id: LimitId::calls(SECOND), permits: 10, burst }
    }

    #[test]
    fn a_pace_that_is_kept_to_the_last_start_passes() {
        let paced = report((0..50).map(|n| (n * 100, 0)));
        let fullest = Promise::of(&[ten(1)]).judge(&paced).unwrap().unwrap();
        assert_eq!((fullest.units, fullest.bound), (10, 10));
        assert_eq!(Promise::of(&[ten(1)]).judge(&report([])), Ok(None));
    }

    #[test]
    fn one_start_too_many_in_a_period_is_found_with_its_seed() {
        let starts = (0..50).map(|n| (n * 100 - u64::from(n == 30), 0));
        let found = report(starts).promise(&[ten(1)]).unwrap_err();
        assert_eq!((found.seed, found.window.units, found.window.bound), (7, 11, 10));
        assert_eq!(found.window.from, 2 * SECOND);
        assert_eq!(found.starts.len(), 11);
    }

    #[test]
    fn short_and_long_windows_are_checked_too() {
        let crowd = report([(0, 0), (1, 0), (2, 0)]);
        assert_eq!(crowd.promise(&[ten(1)]).unwrap_err().window.length, SECOND / 10);
        let fast = report((0..60).map(|n| (n * 95, 0)));
        assert_eq!(fast.promise(&[ten(2)]).unwrap_err().window.length, 5 * SECOND);
    }

    #[test]
    fn the_guard_is_allowed_for_in_short_windows_only() {
        let late = report([(0, 0), (0, 0), (99, 0)]);
        assert!(Promise::of(&[ten(1)]).guard(Duration::from_millis(5)).judge(&late).is_err());
        assert!(Promise::of(&[ten(1)]).guard(Duration::from_millis(100)).judge(&late).is_ok());
    }

    #[test]
    fn a_limit_counts_its_own_unit_and_bears_its_largest_cost() {
        let tokens = Limit { id: LimitId::new("tokens", SECOND), permits: 100, burst: 1 };
        let dear = report([(0, 60), (600, 60), (1_200, 60)]);
        assert_eq!(dear.promise(&[tokens.clone(), ten(1)]), Ok(()));
        let dearer = report([(0, 60), (400, 60), (1_200, 60)]);
        assert_eq!(dearer.promise(&[tokens]).unwrap_err().window.units, 120);
    }

    #[test]
    fn an_allowance_is_what_it_says() {
        let bound = |allowance: Option<Allowance>, tenths, largest| {
            let promise = allowance.into_iter().fold(Promise::of(&[ten(1)]), Promise::allowing);
            promise.bound(&ten(1), tenths, largest)
        };
        assert_eq!((bound(None, 10, 1), bound(None, 20, 1), bound(None, 10, 3)), (10, 21, 12));
        assert_eq!(bound(Some(Allowance::Plus(3)), 10, 1), 13);
        assert_eq!(bound(Some(Allowance::Share { workers: 1, of: 4 }), 10, 1), 12);
        let alone = Some(Allowance::Alone { workers: 4 });
        assert_eq!((bound(alone, 10, 1), bound(alone, 20, 1), bound(alone, 10, 3)), (10, 24, 18));
        let longer = Some(Allowance::Longer(SECOND / 2));
        assert_eq!((bound(longer, 10, 1), bound(longer, 20, 1)), (16, 26));
    }

    #[test]
    fn allowances_add_up() {
        let promise = Promise::of(&[ten(1)]).allowing(Allowance::Plus(1)).allowing(Allowance::Plus(2));
        assert_eq!(promise.allowing(Allowance::Share { workers: 1, of: 1 }).bound(&ten(1), 10, 1), 26);
    }
}
