//! The counter of the attempts of a closed circuit, and the rule by which their failures open it. Pure: the time is
//! passed in.

use std::time::Duration;

use stitchapi_core::{Tick, micros_up};

/// Number of intervals into which the window is divided.
const INTERVALS: usize = 10;

/// When a circuit opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenRule {
    /// After this number of failures in succession.
    Consecutive(u32),
    /// After a failure, if at least `min_attempts` attempts ended within `window`, and at least `percent` of these failed.
    FailureRate { percent: u32, min_attempts: u32, window: Duration },
}

/// Counter of the attempts of a closed circuit, in constant memory.
///
/// The window is divided into ten intervals, and the oldest interval is reused for the newest attempts. Therefore the
/// counter covers at least nine tenths of the window and at most all of it. Resilience4j calls this partial
/// aggregation.
#[derive(Debug, Default)]
pub(super) struct AttemptCounter {
    consecutive: u32,
    intervals: [Interval; INTERVALS],
}

#[derive(Debug, Default, Clone, Copy)]
struct Interval {
    /// Index of the interval: the time divided by the length of an interval.
    number: u64,
    attempts: u32,
    failures: u32,
}

impl AttemptCounter {
    /// Counts an attempt that ended now. Returns `true` if the circuit has to open by `rule`.
    pub(super) fn record(&mut self, rule: &OpenRule, now: Tick, failed: bool) -> bool {
        self.consecutive = if failed { self.consecutive.saturating_add(1) } else { 0 };
        match *rule {
            OpenRule::Consecutive(failures) => self.consecutive >= failures,
            OpenRule::FailureRate { percent, min_attempts, window } => {
                let number = now.0 / (micros_up(window) / INTERVALS as u64).max(1);
                self.count(number, failed);
                let (attempts, failures) = self.sum(number);
                failed && attempts >= min_attempts.into() && failures * 100 >= attempts * u64::from(percent)
            }
        }
    }

    /// Adds an attempt to the interval of this number.
    fn count(&mut self, number: u64, failed: bool) {
        let interval = &mut self.intervals[usize::try_from(number % INTERVALS as u64).unwrap_or(0)];
        if interval.number < number {
            *interval = Interval { number, ..Interval::default() };
        }
        interval.attempts = interval.attempts.saturating_add(1);
        interval.failures = interval.failures.saturating_add(failed.into());
    }

    /// Returns the number of attempts and of failures in the ten intervals that end with `number`.
    fn sum(&self, number: u64) -> (u64, u64) {
        let live = self.intervals.iter().filter(|interval| interval.number + INTERVALS as u64 > number);
        live.fold((0, 0), |(attempts, failures), interval| {
            (attempts + u64::from(interval.attempts), failures + u64::from(interval.failures))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number of attempts after which the circuit opens. Each attempt is given by the time of its end in
    /// milliseconds, and `true` if it failed.
    fn opens_after(rule: OpenRule, attempts: impl IntoIterator<Item = (u64, bool)>) -> Option<usize> {
        let mut counter = AttemptCounter::default();
        let mut attempts = attempts.into_iter();
        attempts.position(|(ms, failed)| counter.record(&rule, Tick(ms * 1_000), failed)).map(|index| index + 1)
    }

    fn rate(percent: u32, min_attempts: u32) -> OpenRule {
        OpenRule::FailureRate { percent, min_attempts, window: Duration::from_secs(10) }
    }

    #[test]
    fn consecutive_failures_count_from_the_last_response() {
        let attempts = [true, true, false, true, true, true].map(|failed| (1, failed));
        assert_eq!(opens_after(OpenRule::Consecutive(3), attempts), Some(6));
        let far_apart = (0..9).map(|hour| (hour * 3_600_000, true));
        assert_eq!(opens_after(OpenRule::Consecutive(9), far_apart), Some(9));
    }

    #[test]
    fn a_rate_counts_from_the_minimum_number_of_attempts_on() {
        assert_eq!(opens_after(rate(50, 10), (0..99).map(|ms| (ms, true))), Some(10));
        assert_eq!(opens_after(rate(50, 10), (0..99).map(|ms| (ms, ms % 2 == 0))), Some(11));
        assert_eq!(opens_after(rate(50, 10), (0..99).map(|ms| (ms, ms % 3 == 0))), None);
        assert_eq!(opens_after(rate(100, 10), (0..99).map(|ms| (ms, ms > 0))), None);
    }

    #[test]
    fn attempts_older_than_the_window_do_not_count() {
        assert_eq!(opens_after(rate(50, 10), (0..99).map(|n| (n * 1_200, true))), None);
        assert_eq!(opens_after(rate(50, 10), (0..99).map(|n| (n * 900, true))), Some(10));
        // A thousand responses, and then no attempt for 10 s.
        let responses = (0..1_000).map(|ms| (ms, false));
        let failures = (0..10).map(|ms| (11_000 + ms, true));
        assert_eq!(opens_after(rate(50, 10), responses.chain(failures)), Some(1_010));
    }
}
