//! The rate limit.

use std::collections::VecDeque;
use std::time::Duration;

use stitchapi::Tick;

/// Refuses when the last period, half open, already holds `permits + burst` arrivals: one more than an exact fleet
/// ever sends, to leave room for the network's own jitter.
#[derive(Debug)]
pub(super) struct Gate {
    limit: usize,
    period: Duration,
    recent: VecDeque<Tick>,
}

impl Gate {
    pub(super) fn new(limit: usize, period: Duration) -> Self {
        Self { limit, period, recent: VecDeque::new() }
    }

    /// Counts an arrival, which is not before the one counted last; whether it may pass.
    pub(super) fn lets_pass(&mut self, now: Tick) -> bool {
        while self.recent.front().is_some_and(|first| *first + self.period <= now) {
            self.recent.pop_front();
        }
        let over = self.recent.len() >= self.limit;
        self.recent.push_back(now);
        !over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_period_holds_the_permits_and_the_burst_and_no_more() {
        let mut gate = Gate::new(3, Duration::from_secs(60));
        let passed: Vec<bool> = (0..5).map(|second| gate.lets_pass(Tick(second * 1_000_000))).collect();
        assert_eq!(passed, [true, true, true, false, false]);
        assert!(!gate.lets_pass(Tick(60_000_000)), "four of the last period are counted, two of them refused");
        assert!(gate.lets_pass(Tick(64_000_000)), "one of the last period is counted");
    }
}
