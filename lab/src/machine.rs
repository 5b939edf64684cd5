//! Measures how well the machine kept time during a run.
//!
//! A thread of the test sleeps for a millisecond again and again. Its lateness shows what the machine costs a worker.

use std::fmt;
use std::thread::JoinHandle;

use crate::clock::{MILLISECOND, now, sleep_until};

/// Duration of one sleep in microseconds.
const TICK: u64 = MILLISECOND;
/// Lateness in microseconds that costs a fleet at 200/s a slot: its maximum lateness.
const LATE: u64 = 5 * MILLISECOND;
/// Largest share of the time that may be lost to sleeps that are [`LATE`]: a fifth of the share of the budget that a fleet
/// may leave unused.
const MAX_LOST: f64 = 0.001;
/// Largest standard deviation of the lateness in microseconds. It makes gaps of 5 ms vary by 0.07, half of what is allowed
/// for a fleet.
const MAX_SPREAD: f64 = 250.0;

/// A thread that sleeps and measures its lateness, on the processors of the fleet.
#[derive(Debug)]
pub(crate) struct Timer(JoinHandle<Machine>);

/// Lateness of a thread that does nothing but sleep.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine {
    /// Share of the time in which the thread was more than 5 ms late.
    pub lost: f64,
    /// Standard deviation of the lateness in microseconds.
    pub spread: f64,
    /// Largest lateness in microseconds.
    pub worst: u64,
}

impl Timer {
    /// Measures between two readings of the boot clock in microseconds.
    #[expect(clippy::disallowed_methods, reason = "a test has no runtime, and the lateness of a thread is measured")]
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

    /// Waits for the end of the measurement and returns it.
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

    /// Returns `true` if the machine kept time well enough to check how even a fleet is and how much it leaves unused: at most
    /// a thousandth of the time was lost, and the standard deviation of the lateness is at most 250 us.
    #[must_use]
    pub fn kept_time(&self) -> bool {
        self.lost <= MAX_LOST && self.spread <= MAX_SPREAD
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
    fn a_timer_with_constant_lateness_keeps_time() {
        let machine = Machine::of(&[80; 1_000]);
        assert_eq!((machine.lost, machine.spread, machine.worst), (0.0, 0.0, 80));
        assert!(machine.kept_time());
    }

    #[test]
    fn a_stall_or_a_varying_timer_does_not_keep_time() {
        let mut late = [80; 1_000];
        late[500] = 6_000;
        let machine = Machine::of(&late);
        assert!(machine.lost > 0.005 && !machine.kept_time(), "{machine}");
        let varying: Vec<u64> = (0..1_000).map(|n| n % 2 * 1_000).collect();
        assert!(!Machine::of(&varying).kept_time());
    }

    #[test]
    fn a_timer_ends_when_its_time_is_over() {
        let begun = now();
        let machine = Timer::start(begun, begun + 50 * MILLISECOND).end();
        assert!(machine.worst > 0);
        assert!(now() >= begun + 50 * MILLISECOND - TICK);
    }
}
