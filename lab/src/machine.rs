//! How well the machine itself kept time during a run.

use std::fmt;
use std::thread::JoinHandle;

use crate::clock::{MILLISECOND, now, sleep_until};

/// How long the timer sleeps.
const TICK: u64 = MILLISECOND;
/// A timer that is later than this would have cost a fleet at 200/s a slot: that is its guard.
const LATE: u64 = 5 * MILLISECOND;
/// The largest share of the time that may be lost to [`LATE`] ones: a fifth of what a fleet may leave unused beside its guard.
const MOST_LOST: f64 = 0.001;
/// The largest standard deviation: by itself it makes gaps of 5 ms vary by 0.07, which is half of what a fleet may.
const MOST_SPREAD: f64 = 250.0;

/// A thread with a timer of its own, on the processors that a fleet has.
#[derive(Debug)]
pub(crate) struct Timer(JoinHandle<Machine>);

/// How late a timer was that had nothing else to do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine {
    /// The share of the time in which it was more than 5 ms late.
    pub lost: f64,
    /// The standard deviation of its lateness, in microseconds.
    pub spread: f64,
    /// The worst, in microseconds.
    pub worst: u64,
}

impl Timer {
    /// Measures from one tick of the clock to another one.
    #[expect(clippy::disallowed_methods, reason = "a test has no runtime, and the timer is a thread's")]
    pub(crate) fn start(from: u64, to: u64) -> Self {
        Self(std::thread::spawn(move || {
            sleep_until(from);
            let mut late = Vec::new();
            let mut due = now() + TICK;
            while due < to {
                sleep_until(due);
                let at = now();
                late.push(at.saturating_sub(due));
                due = at + TICK;
            }
            Machine::of(&late)
        }))
    }

    /// What it measured, when its time is over.
    pub(crate) fn end(self) -> Machine {
        self.0.join().unwrap()
    }
}

impl Machine {
    fn of(late: &[u64]) -> Self {
        let number = late.len().max(1) as f64;
        let time = late.iter().map(|late| late + TICK).sum::<u64>().max(1);
        let lost = late.iter().filter(|late| **late > LATE).sum::<u64>() as f64 / time as f64;
        let mean = late.iter().sum::<u64>() as f64 / number;
        let variance = late.iter().map(|&late| (late as f64 - mean).powi(2)).sum::<f64>() / number;
        Self { lost, spread: variance.sqrt(), worst: late.iter().copied().max().unwrap_or(0) }
    }

    /// Whether it kept time well enough to judge by it how even a fleet is, and what it leaves unused: at most a thousandth
    /// of the time was lost, and the timer's lateness has a standard deviation of at most 250 us.
    #[must_use]
    pub fn kept_time(&self) -> bool {
        self.lost <= MOST_LOST && self.spread <= MOST_SPREAD
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, spread, worst } = self;
        write!(f, "{lost:.4} of the time lost, late by {spread:.0} us and at worst by {worst} us")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_is_always_as_late_keeps_time() {
        let machine = Machine::of(&[80; 1_000]);
        assert_eq!((machine.lost, machine.spread, machine.worst), (0.0, 0.0, 80));
        assert!(machine.kept_time());
    }

    #[test]
    fn a_stall_and_a_rough_timer_are_told() {
        let mut late = [80; 1_000];
        late[500] = 6_000;
        let machine = Machine::of(&late);
        assert!(machine.lost > 0.005 && !machine.kept_time(), "{machine}");
        let rough: Vec<u64> = (0..1_000).map(|n| n % 2 * 1_000).collect();
        assert!(!Machine::of(&rough).kept_time());
    }

    #[test]
    fn a_timer_ends_in_time() {
        let begun = now();
        let machine = Timer::start(begun, begun + 50 * MILLISECOND).end();
        assert!(machine.worst > 0);
        assert!(now() >= begun + 50 * MILLISECOND - TICK);
    }
}
