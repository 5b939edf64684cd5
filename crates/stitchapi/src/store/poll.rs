//! Poll intervals: how soon a waiter asks the store again.
//!
//! A process that waits for a lease, or for the outcome of a single flight, creates a [`PollInterval`] and sleeps for
//! its next pause before each request. The concurrency limit and single flight use it.

use std::time::Duration;

/// First interval, unless the store is slow.
const MIN_INTERVAL: Duration = Duration::from_millis(5);
/// Every interval on a slow store, where a round trip may take longer than the usual intervals.
const SLOW_STORE_INTERVAL: Duration = Duration::from_millis(100);
/// Shortest timeout of a store that counts as slow.
const SLOW_STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// Interval that doubles with each pause, from 5 ms up to a maximum; always 100 ms on a slow store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PollInterval {
    min: Duration,
    current: Duration,
    max: Duration,
}

impl PollInterval {
    /// Creates the interval for a store with this timeout. It grows up to `max`, unless the store is slow.
    pub(crate) fn new(timeout: Duration, max: Duration) -> Self {
        let (min, max) =
            if timeout < SLOW_STORE_TIMEOUT { (MIN_INTERVAL, max) } else { (SLOW_STORE_INTERVAL, SLOW_STORE_INTERVAL) };
        Self { min, current: min, max }
    }

    /// Returns the shortest interval, which is also the first.
    pub(crate) fn min(&self) -> Duration {
        self.min
    }

    /// Returns a pause between half of the interval and all of it, and doubles the interval. `random` is 64 random
    /// bits.
    pub(crate) fn next_pause(&mut self, random: u64) -> Duration {
        let half = self.current / 2;
        let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
        self.current = (self.current * 2).min(self.max);
        half + Duration::from_micros(random % micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_pause_is_between_half_of_the_interval_and_all_of_it() {
        let pause = |random| PollInterval::new(millis(250), millis(25)).next_pause(random);
        assert_eq!(pause(0), millis(5) / 2);
        assert_eq!(pause(2_499), Duration::from_micros(4_999));
        assert_eq!(pause(2_500), millis(5) / 2);
    }

    #[test]
    fn the_interval_doubles_up_to_its_maximum() {
        let mut interval = PollInterval::new(millis(250), millis(25));
        let pauses: Vec<Duration> = (0..5).map(|_| interval.next_pause(0) * 2).collect();
        assert_eq!(pauses, [millis(5), millis(10), millis(20), millis(25), millis(25)]);
        assert_eq!(interval.min(), millis(5));
    }

    #[test]
    fn a_slow_store_is_polled_every_100_ms() {
        let mut interval = PollInterval::new(Duration::from_secs(1), millis(25));
        assert_eq!([interval.next_pause(0), interval.next_pause(0)].map(|pause| pause * 2), [millis(100); 2]);
    }
}
