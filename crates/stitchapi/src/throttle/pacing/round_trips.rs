//! [`RoundTrips`]: the latest round trip times of a store, and the lead that they require. The lead is how far ahead an
//! idle caller requests its start. [`CellView`](super::cell_view::CellView) owns one.

use std::collections::VecDeque;
use std::time::Duration;

use stitchapi_core::micros_up;

/// Number of round trips that are remembered, the newest ones.
const REMEMBERED: usize = 64;
/// Upper bound of the lead: no start is delayed by more than this.
const MAX_LEAD: Duration = Duration::from_millis(50);

/// Newest round trips to a store, in microseconds.
#[derive(Debug, Default)]
pub(super) struct RoundTrips(VecDeque<u64>);

impl RoundTrips {
    /// Records a round trip.
    pub(super) fn record(&mut self, trip: Duration) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(micros_up(trip));
    }

    /// Returns the 95th percentile of the remembered round trips, or zero before the first one.
    pub(super) fn usual(&self) -> Duration {
        let mut trips = [0; REMEMBERED];
        let trips = &mut trips[..self.0.len()];
        for (trip, recorded) in trips.iter_mut().zip(&self.0) {
            *trip = *recorded;
        }
        let Some(last) = trips.len().checked_sub(1) else { return Duration::ZERO };
        Duration::from_micros(*trips.select_nth_unstable(last * 95 / 100).1)
    }

    /// Returns how far ahead an idle caller requests a slot, so that the slot has not passed when the reservation
    /// arrives. The lead is the jitter (the usual trip less the shortest one), at most 50 ms. It is zero if the jitter
    /// is at most half of the maximum lateness.
    pub(super) fn lead(&self, max_lateness: Duration) -> Duration {
        let shortest = Duration::from_micros(self.0.iter().min().copied().unwrap_or(0));
        let jitter = self.usual() - shortest;
        if jitter * 2 <= max_lateness { Duration::ZERO } else { jitter.min(MAX_LEAD) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lead_is_the_usual_jitter_of_recent_trips() {
        let mut trips = RoundTrips::default();
        assert_eq!(trips.lead(Duration::from_millis(5)), Duration::ZERO);
        trips.record(Duration::from_millis(1));
        assert_eq!(trips.lead(Duration::from_millis(5)), Duration::ZERO);
        for _ in 0..60 {
            trips.record(Duration::from_millis(8));
        }
        assert_eq!(trips.lead(Duration::from_millis(5)), Duration::from_millis(7));
        for _ in 0..64 {
            trips.record(Duration::from_millis(8));
        }
        assert_eq!(trips.lead(Duration::from_millis(5)), Duration::ZERO);
        for _ in 0..5 {
            trips.record(Duration::from_secs(9));
        }
        assert_eq!(trips.lead(Duration::from_millis(5)), MAX_LEAD);
    }
}
