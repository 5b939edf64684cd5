//! The upstream's rate limit: a sliding window over the arrival times.

use std::collections::VecDeque;
use std::time::Duration;

use stitchapi::Tick;

/// Sliding-window limit that counts rejected requests, too.
///
/// A request is rejected if the half-open period that ends with it already holds `limit` requests. The upstream sets
/// `limit` to `permits + burst`, one more than an exact fleet sends, to leave room for the jitter of the network.
#[derive(Debug)]
pub(super) struct WindowLimit {
    limit: usize,
    period: Duration,
    /// Arrival times of the last period, oldest first.
    recent: VecDeque<Tick>,
}

impl WindowLimit {
    pub(super) fn new(limit: usize, period: Duration) -> Self {
        Self { limit, period, recent: VecDeque::new() }
    }

    /// Counts a request and returns `true` if it is within the limit. `now` must not be before the previous request.
    pub(super) fn admit(&mut self, now: Tick) -> bool {
        while self.recent.front().is_some_and(|first| *first + self.period <= now) {
            self.recent.pop_front();
        }
        let is_admitted = self.recent.len() < self.limit;
        self.recent.push_back(now);
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_admits_its_limit_and_counts_rejected_requests() {
        let mut limit = WindowLimit::new(3, Duration::from_secs(60));
        let admitted: Vec<bool> = (0..5).map(|second| limit.admit(Tick(second * 1_000_000))).collect();
        assert_eq!(admitted, [true, true, true, false, false]);
        assert!(!limit.admit(Tick(60_000_000)), "the last period holds four requests, two of them rejected");
        assert!(limit.admit(Tick(64_000_000)), "the last period holds one request");
    }
}
