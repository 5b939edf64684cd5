//! What is counted while the circuit is closed, and when that is too much.

use std::time::Duration;

use stitchapi_core::{Tick, micros_up};

/// A window is kept in so many parts.
const SLOTS: usize = 10;

/// When it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// After so many failures with no answer between them.
    InARow(u32),
    /// When so many percent of at least `least` attempts have failed `within` this time.
    Rate { percent: u32, least: u32, within: Duration },
}

/// The attempts of a closed circuit, in constant memory: the slots of the window are taken in turn (the "partial
/// aggregation" of resilience4j), so what is counted is the last nine to ten tenths of it.
#[derive(Debug, Default)]
pub(super) struct Count {
    in_a_row: u32,
    slots: [Slot; SLOTS],
}

#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    /// Counted from the origin of the clock.
    number: u64,
    attempts: u32,
    failures: u32,
}

impl Count {
    /// Counts an attempt that ended now; whether the circuit is to open.
    pub(super) fn record(&mut self, rule: &Rule, now: Tick, failed: bool) -> bool {
        self.in_a_row = if failed { self.in_a_row.saturating_add(1) } else { 0 };
        match *rule {
            Rule::InARow(failures) => self.in_a_row >= failures,
            Rule::Rate { percent, least, within } => {
                let number = now.0 / (micros_up(within) / SLOTS as u64).max(1);
                self.add(number, failed);
                let (attempts, failures) = self.sum(number);
                failed && attempts >= least.into() && failures * 100 >= attempts * u64::from(percent)
            }
        }
    }

    fn add(&mut self, number: u64, failed: bool) {
        let slot = &mut self.slots[usize::try_from(number % SLOTS as u64).unwrap_or(0)];
        if slot.number < number {
            *slot = Slot { number, ..Slot::default() };
        }
        slot.attempts = slot.attempts.saturating_add(1);
        slot.failures = slot.failures.saturating_add(failed.into());
    }

    fn sum(&self, number: u64) -> (u64, u64) {
        let live = self.slots.iter().filter(|slot| slot.number + SLOTS as u64 > number);
        live.fold((0, 0), |(attempts, failures), slot| {
            (attempts + u64::from(slot.attempts), failures + u64::from(slot.failures))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attempts at these milliseconds, true for failed: after how many of them it opens.
    fn opens_after(rule: Rule, attempts: impl IntoIterator<Item = (u64, bool)>) -> Option<usize> {
        let mut count = Count::default();
        let mut attempts = attempts.into_iter();
        attempts.position(|(ms, failed)| count.record(&rule, Tick(ms * 1_000), failed)).map(|index| index + 1)
    }

    fn rate(percent: u32, least: u32) -> Rule {
        Rule::Rate { percent, least, within: Duration::from_secs(10) }
    }

    #[test]
    fn failures_in_a_row_are_counted_from_the_last_answer() {
        let attempts = [true, true, false, true, true, true].map(|failed| (1, failed));
        assert_eq!(opens_after(Rule::InARow(3), attempts), Some(6));
        let far_apart = (0..9).map(|hour| (hour * 3_600_000, true));
        assert_eq!(opens_after(Rule::InARow(9), far_apart), Some(9));
    }

    #[test]
    fn a_rate_is_judged_from_the_least_number_of_attempts_on() {
        assert_eq!(opens_after(rate(50, 10), (0..99).map(|ms| (ms, true))), Some(10));
        assert_eq!(opens_after(rate(50, 10), (0..99).map(|ms| (ms, ms % 2 == 0))), Some(11));
        assert_eq!(opens_after(rate(50, 10), (0..99).map(|ms| (ms, ms % 3 == 0))), None);
        assert_eq!(opens_after(rate(100, 10), (0..99).map(|ms| (ms, ms > 0))), None);
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        assert_eq!(opens_after(rate(50, 10), (0..99).map(|n| (n * 1_200, true))), None);
        assert_eq!(opens_after(rate(50, 10), (0..99).map(|n| (n * 900, true))), Some(10));
        // A thousand answers, and a silence.
        let answers = (0..1_000).map(|ms| (ms, false));
        let failures = (0..10).map(|ms| (11_000 + ms, true));
        assert_eq!(opens_after(rate(50, 10), answers.chain(failures)), Some(1_010));
    }
}
