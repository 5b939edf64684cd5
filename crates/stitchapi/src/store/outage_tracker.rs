//! The outage of a store that has failed: when to probe the store again, and when the outage ends.
//!
//! A limit of the throttle creates an [`OutageTracker`] when an operation fails, and drops it when the outage is over.
//! The limit itself decides whether its calls start meanwhile. Pure: callers pass the time.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{StoreError, Tick};

/// Pause between two probes of an unavailable store.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// After this many probe intervals without an attempt to reach the store, its state counts as unknown.
const STALE_AFTER: u32 = 4;

/// Outage of a store. It has two parts:
///
/// 1. From the first failed operation on the store is *unavailable*. It is probed, one probe at a time.
/// 2. The *return* begins with the first response and ends at a time that the limit sets. During the return the process
///    keeps its outage behaviour, so that every process finds the store again before the outage ends.
#[derive(Debug)]
pub(crate) struct OutageTracker {
    began: Tick,
    /// End of the last operation that failed, or of the last probe.
    last_tried: Tick,
    is_probing: bool,
    /// End of the return, once the store responds again.
    return_ends_at: Option<Tick>,
    error: Arc<StoreError>,
}

impl OutageTracker {
    /// Creates the outage that begins now with this failure.
    pub(crate) fn new(now: Tick, error: Arc<StoreError>) -> Self {
        Self { began: now, last_tried: now, is_probing: false, return_ends_at: None, error }
    }

    /// Returns the time of the first failure.
    pub(crate) fn began(&self) -> Tick {
        self.began
    }

    /// Returns the last failure.
    pub(crate) fn error(&self) -> &Arc<StoreError> {
        &self.error
    }

    /// Replaces the last failure.
    pub(crate) fn set_error(&mut self, error: Arc<StoreError>) {
        self.error = error;
    }

    /// Returns `true` until the store responds again.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.return_ends_at.is_none()
    }

    /// Returns `true` if the store is unavailable, and the last attempt to reach it ended at most four probe intervals plus
    /// `slack` ago. If it was longer ago, this process does not know whether the store is still unavailable.
    pub(crate) fn is_fresh(&self, slack: Duration, now: Tick) -> bool {
        self.is_unavailable() && now.since(self.last_tried) <= PROBE_INTERVAL * STALE_AFTER + slack
    }

    /// Returns the time at which the next probe is due, `interval` after the last attempt. `None` during the return,
    /// and while a probe is in flight, because the next probe depends on its end.
    pub(crate) fn next_probe_at(&self, interval: Duration) -> Option<Tick> {
        (self.is_unavailable() && !self.is_probing).then(|| self.last_tried + interval)
    }

    /// Records that a probe was sent.
    pub(crate) fn begin_probe(&mut self) {
        self.is_probing = true;
    }

    /// Records that a probe has ended: with a response, a failure or without a result.
    pub(crate) fn end_probe(&mut self, now: Tick) {
        self.is_probing = false;
        self.last_tried = now;
    }

    /// Records another failed operation. During the return, this ends the return: the store counts as unavailable
    /// again.
    pub(crate) fn record_failure(&mut self, now: Tick, error: Arc<StoreError>) {
        (self.last_tried, self.return_ends_at, self.error) = (now, None, error);
    }

    /// Begins the return: the store responds again, and the outage ends at `until`.
    pub(crate) fn return_until(&mut self, until: Tick) {
        self.return_ends_at = Some(until);
    }

    /// Returns the end of the return, once the store responds again.
    pub(crate) fn return_ends_at(&self) -> Option<Tick> {
        self.return_ends_at
    }

    /// Returns `true` if the return is over, which also ends the outage.
    pub(crate) fn is_over(&self, now: Tick) -> bool {
        self.return_ends_at.is_some_and(|until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use stitchapi_core::StoreErrorKind;

    use super::*;

    fn failure() -> Arc<StoreError> {
        Arc::new(StoreError::new(StoreErrorKind::Unavailable, "memory", "acquire"))
    }

    #[test]
    fn one_probe_at_a_time_is_due_an_interval_after_the_last_attempt() {
        let mut tracker = OutageTracker::new(Tick(0), failure());
        assert_eq!(tracker.next_probe_at(PROBE_INTERVAL), Some(Tick(0) + PROBE_INTERVAL));
        tracker.begin_probe();
        assert_eq!(tracker.next_probe_at(PROBE_INTERVAL), None);
        tracker.end_probe(Tick(300_000));
        assert_eq!(tracker.next_probe_at(PROBE_INTERVAL), Some(Tick(300_000) + PROBE_INTERVAL));
    }

    #[test]
    fn the_outage_ends_with_the_return_and_a_failure_during_the_return_prolongs_it() {
        let mut tracker = OutageTracker::new(Tick(0), failure());
        tracker.return_until(Tick(500_000));
        assert!(!tracker.is_unavailable() && !tracker.is_over(Tick(499_999)) && tracker.is_over(Tick(500_000)));
        assert_eq!(tracker.next_probe_at(PROBE_INTERVAL), None);
        tracker.record_failure(Tick(400_000), failure());
        assert!(tracker.is_unavailable() && !tracker.is_over(Tick(500_000)));
    }

    #[test]
    fn a_failure_is_fresh_for_four_probe_intervals_and_the_slack() {
        let (tracker, slack) = (OutageTracker::new(Tick(0), failure()), Duration::from_millis(250));
        assert!(tracker.is_fresh(slack, Tick(1_250_000)) && !tracker.is_fresh(slack, Tick(1_250_001)));
    }
}
