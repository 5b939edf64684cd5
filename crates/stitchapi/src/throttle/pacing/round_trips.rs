//! How long the store's answers take.

use std::collections::VecDeque;
use std::time::Duration;

use stitchapi_core::micros_up;

/// So many of the newest trips count.
const REMEMBERED: usize = 64;
/// No start is put off by more than this.
const MOST: Duration = Duration::from_millis(50);

/// The newest round trips to a store, in microseconds.
#[derive(Debug, Default)]
pub(in crate::throttle) struct Trips(VecDeque<u64>);

impl Trips {
    pub(in crate::throttle) fn took(&mut self, trip: Duration) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(micros_up(trip));
    }

    /// How long a usual trip takes at most (the 95th percentile).
    pub(in crate::throttle) fn usual(&self) -> Duration {
        let mut trips = [0; REMEMBERED];
        let trips = &mut trips[..self.0.len()];
        for (trip, kept) in trips.iter_mut().zip(&self.0) {
            *trip = *kept;
        }
        let Some(last) = trips.len().checked_sub(1) else { return Duration::ZERO };
        Duration::from_micros(*trips.select_nth_unstable(last * 95 / 100).1)
    }

    /// How much longer than the quickest a usual trip takes, at most 50 ms: an idle caller asks for a slot so far ahead, so
    /// that it has not passed when the answer is there. Nothing where half the guard bears it.
    pub(in crate::throttle) fn lead(&self, guard: Duration) -> Duration {
        let quickest = Duration::from_micros(self.0.iter().min().copied().unwrap_or(0));
        let jitter = self.usual() - quickest;
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
