//! How long the store's answers take.

use std::collections::VecDeque;
use std::time::Duration;

/// So many of the newest trips count.
const REMEMBERED: usize = 64;
/// No start is put off by more than this.
const MOST: Duration = Duration::from_millis(50);

/// The newest round trips to a store.
#[derive(Debug, Default)]
pub(super) struct Trips(VecDeque<Duration>);

impl Trips {
    pub(super) fn took(&mut self, trip: Duration) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(trip);
    }

    /// How much longer than the quickest a usual trip takes (the 95th percentile), at most 50 ms: an idle caller asks for a
    /// slot so far ahead, so that it has not passed when the answer is there. Nothing where half the guard bears it.
    pub(super) fn lead(&self, guard: Duration) -> Duration {
        let mut trips: Vec<Duration> = self.0.iter().copied().collect();
        let Some(last) = trips.len().checked_sub(1) else { return Duration::ZERO };
        trips.sort_unstable();
        let jitter = trips[last * 95 / 100] - trips[0];
        if jitter * 2 <= guard { Duration::ZERO } else { jitter.min(MOST) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_is_the_usual_jitter_and_forgets_old_trips() {
        let mut trips = Trips::default();
        assert_eq!(trips.lead(Duration::from_millis(5)), Duration::ZERO);
        trips.took(Duration::from_millis(1));
        assert_eq!(trips.lead(Duration::from_millis(5)), Duration::ZERO);
        for _ in 0..60 {
            trips.took(Duration::from_millis(8));
        }
        assert_eq!(trips.lead(Duration::from_millis(5)), Duration::from_millis(7));
        for _ in 0..64 {
            trips.took(Duration::from_millis(8));
        }
        assert_eq!(trips.lead(Duration::from_millis(5)), Duration::ZERO);
        trips.took(Duration::from_secs(9));
        trips.took(Duration::from_secs(9));
        trips.took(Duration::from_secs(9));
        trips.took(Duration::from_secs(9));
        trips.took(Duration::from_secs(9));
        assert_eq!(trips.lead(Duration::from_millis(5)), MOST);
    }
}
