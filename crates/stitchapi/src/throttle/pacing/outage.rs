//! [`Outage`]: what a process does while its store is unavailable. It paces its calls alone, on a share of the budget,
//! and probes the store. When the store responds again, all processes return at the same time to their cell, which is
//! the state of the bucket in the store: the *rejoin*.
//!
//! [`CellSource`](super::cell_source::CellSource) begins one when an operation fails, and ends it after the rejoin.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::pace::{Limit, LimitId};
use stitchapi_core::{StoreError, StoreTime, Tick};

use super::in_process_pacer::InProcessPacer;
use crate::outage::FleetSize;
use crate::store::{OutageTracker, PROBE_INTERVAL};

/// Time for which other processes may start calls on bookings that this process does not know, counted from the sending
/// of its request that failed.
pub(super) const BOOKED_AHEAD: Duration = Duration::from_secs(1);
/// Pause between the first successful probe and the next one. If other processes use the cell, they have changed it by then.
const CONFIRM_AFTER: Duration = Duration::from_millis(100);
/// Fleet size assumed when it is neither declared nor counted.
const ASSUMED_FLEET_SIZE: u32 = 8;

/// Returns the number of processes, and its source: declared, counted by the store, or assumed.
pub(in crate::throttle) fn fleet_size(declared: Option<u32>, counted: Option<u32>) -> (u32, FleetSize) {
    match (declared, counted) {
        (Some(declared), _) => (declared, FleetSize::Declared),
        (None, Some(counted)) => (counted, FleetSize::Counted),
        (None, None) => (ASSUMED_FLEET_SIZE, FleetSize::Assumed),
    }
}

/// Outage of the store, as one process sees it.
#[derive(Debug)]
pub(super) struct Outage {
    /// This process' share of the budget.
    pub(super) pacer: InProcessPacer,
    /// Number of processes by which the budget is divided.
    pub(super) fleet_size: u32,
    /// Pause of all calls at the rejoin: the spacing of this process' starts plus the maximum lateness.
    pub(super) pause: Duration,
    /// When to probe the store, and when the outage ends. Until its end every process paces alone.
    pub(super) tracker: OutageTracker,
    /// Store's time of the newest reservation before the outage. The cell may lack what the fleet has drawn since then.
    pub(super) since: StoreTime,
    /// Whether the last probe found the store.
    is_found: bool,
}

impl Outage {
    /// Returns an outage that begins now. This process starts no call before `booked_until`, because other processes
    /// may use their bookings until then.
    pub(super) fn new(
        limits: &[Limit],
        max_lateness: Duration,
        fleet_size: u32,
        since: StoreTime,
        booked_until: Tick,
        now: Tick,
        error: Arc<StoreError>,
    ) -> Self {
        let share = share(limits, fleet_size);
        let spacing = spacing(&share, max_lateness);
        Self {
            pacer: InProcessPacer::new(&share, max_lateness, booked_until + spacing),
            fleet_size,
            pause: spacing + max_lateness,
            tracker: OutageTracker::new(now, error),
            since,
            is_found: false,
        }
    }

    /// Returns `true` if a probe is due. `touch_every` is set while this process holds slots: see
    /// [`next_action_at`](Self::next_action_at).
    pub(super) fn is_probe_due(&self, touch_every: Option<Duration>, now: Tick) -> bool {
        self.tracker.next_probe_at(self.probe_interval(touch_every)).is_some_and(|at| now >= at)
    }

    /// Sets whether the last probe found the store.
    ///
    /// One successful probe does not show whether other processes use the cell now, because they may have changed it before
    /// the outage. Only a change between two successful probes shows that.
    pub(super) fn set_found(&mut self, is_found: bool) {
        self.is_found = is_found;
    }

    /// Returns `true` if the last probe found the store, so that the next one shows whether other processes use the cell.
    pub(super) fn is_found(&self) -> bool {
        self.is_found
    }

    /// Returns `true` if the outage policy applies now: before the rejoin, or while the last failure of the store is
    /// recent. After an older failure it is unknown whether the store is still unavailable.
    pub(super) fn is_fresh(&self, now: Tick) -> bool {
        match self.tracker.return_ends_at() {
            Some(until) => now < until,
            None => self.tracker.is_fresh(Duration::ZERO, now),
        }
    }

    /// Returns the time of the next probe, or the time of the rejoin if that is known. Returns `None` while a probe is in
    /// flight, because its end causes the next step.
    ///
    /// A process that holds slots probes every `touch_every`. Thus it learns that the cell was lost before another process
    /// uses the first slots of the new cell, as it does while the store is available.
    pub(super) fn next_action_at(&self, touch_every: Option<Duration>) -> Option<Tick> {
        self.tracker.return_ends_at().or_else(|| self.tracker.next_probe_at(self.probe_interval(touch_every)))
    }

    /// Returns the pause between the last probe and the next one.
    fn probe_interval(&self, touch_every: Option<Duration>) -> Duration {
        if self.is_found { CONFIRM_AFTER } else { touch_every.unwrap_or(PROBE_INTERVAL) }
    }
}

/// Returns each limit divided by the number of processes, with a burst of 1, so that all shares together never exceed
/// the limit. A limit with less than one permit per process becomes one permit in several periods.
fn share(limits: &[Limit], fleet_size: u32) -> Vec<Limit> {
    let fleet_size = fleet_size.max(1);
    let share = |limit: &Limit| {
        let permits = limit.permits / fleet_size;
        let periods = if permits == 0 { fleet_size.div_ceil(limit.permits.max(1)) } else { 1 };
        let id = LimitId::new(limit.id.unit().to_owned(), limit.id.period().saturating_mul(periods));
        Limit { id, permits: permits.max(1), burst: 1 }
    };
    limits.iter().map(share).collect()
}

/// Returns the distance between two starts on the limit with the shortest period.
fn spacing(limits: &[Limit], max_lateness: Duration) -> Duration {
    let spacings =
        limits.iter().map(|limit| (limit.id.period(), (limit.id.period() + max_lateness) / limit.permits.max(1)));
    spacings.min().map_or(Duration::ZERO, |(_, spacing)| spacing + Duration::from_micros(1))
}

#[cfg(test)]
mod tests {
    use stitchapi_core::StoreErrorKind;

    use super::*;

    fn limit(permits: u32, burst: u32) -> Limit {
        Limit { id: LimitId::calls(Duration::from_secs(1)), permits, burst }
    }

    #[test]
    fn shares_of_a_fleet_sum_to_at_most_the_budget() {
        let of = |permits, fleet| {
            let share = share(&[limit(permits, 5)], fleet).remove(0);
            (share.permits, share.burst, share.id.period())
        };
        let second = Duration::from_secs(1);
        assert_eq!(of(200, 4), (50, 1, second));
        assert_eq!(of(10, 4), (2, 1, second));
        assert_eq!(of(3, 8), (1, 1, 3 * second));
        assert_eq!(of(1, 8), (1, 1, 8 * second));
    }

    #[test]
    fn no_step_is_planned_while_a_probe_is_in_flight() {
        let error = StoreError::new(StoreErrorKind::Unavailable, "memory", "reserve");
        let mut outage =
            Outage::new(&[limit(10, 1)], Duration::from_millis(5), 4, StoreTime(0), Tick(0), Tick(0), error.into());
        assert_eq!(outage.next_action_at(None), Some(Tick(0) + PROBE_INTERVAL));
        outage.tracker.begin_probe();
        // A time in the past would make the agent step without a pause.
        assert_eq!(outage.next_action_at(None), None);
        outage.tracker.end_probe(Tick(0) + PROBE_INTERVAL);
        assert_eq!(outage.next_action_at(None), Some(Tick(0) + 2 * PROBE_INTERVAL));
    }
}
