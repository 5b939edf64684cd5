//! [`InProcessPacer`]: paces the starts of one process without a store. It holds the budget of a seam that has no
//! store, and the share of a process during an outage. Pure: the planner passes the time in.

use std::time::Duration;

use stitchapi_core::pace::{GcraSet, Limit};
use stitchapi_core::{StoreTime, Tick};

/// Budget of this process on the runtime's own clock.
///
/// It books nothing ahead: a start is drawn when it happens, so a caller that leaves costs nothing. The starts are at the same
/// times as on a store's cell in which every waiter books when it arrives.
#[derive(Debug)]
pub(in crate::throttle) struct InProcessPacer {
    gcra: GcraSet,
    /// Indexes of the limits with the shortest period.
    pacing: Vec<usize>,
    max_lateness: Duration,
    /// Time at which the budget opens. No call starts earlier.
    opens_at: Tick,
    held_until: Tick,
}

/// When a waiter may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextStart {
    /// The waiter starts now: its units are drawn. Its slot (the start time due to it) was at this time.
    Now(Tick),
    /// The waiter cannot start before this time.
    NotBefore(Tick),
}

impl InProcessPacer {
    /// Returns a full budget that opens at `opens_at`.
    pub(in crate::throttle) fn new(limits: &[Limit], max_lateness: Duration, opens_at: Tick) -> Self {
        let shortest = limits.iter().map(|limit| limit.id.period()).min();
        let pacing = (0..limits.len()).filter(|index| Some(limits[*index].id.period()) == shortest).collect();
        Self { gcra: GcraSet::new(limits, max_lateness), pacing, max_lateness, opens_at, held_until: Tick(0) }
    }

    /// Returns the time before which no call starts.
    pub(super) fn opens_at(&self) -> Tick {
        self.opens_at
    }

    /// Charges one unit of the limit at `index` at the time at which the budget opens.
    pub(super) fn spend(&mut self, index: usize) {
        self.gcra.settle(index, 1, StoreTime(self.opens_at.0));
    }

    /// Draws the units of a caller that has waited since `arrived`, if it may start now.
    ///
    /// Its slot is the one that it would have booked on arrival. If that slot is past by the maximum lateness or more,
    /// its slot is the next one from now on.
    pub(super) fn draw_for_waiter(&mut self, units: &[u32], arrived: Tick, now: Tick) -> NextStart {
        let closed_until = self.opens_at.max(self.held_until);
        let mut e_min = StoreTime(arrived.max(closed_until).0);
        let mut due = self.gcra.due(units, e_min);
        if StoreTime(now.0) >= due + self.max_lateness {
            e_min = StoreTime(now.0);
            due = self.gcra.due(units, e_min);
        }
        if due > StoreTime(now.0) {
            return NextStart::NotBefore(Tick(due.0));
        }
        self.gcra.draw(units, due, e_min);
        NextStart::Now(Tick(due.0))
    }

    /// Draws the units of a caller that arrives now and returns `true`, if the caller may start now.
    #[inline]
    pub(super) fn draw_at_once(&mut self, units: &[u32], now: Tick) -> bool {
        self.opens_at.max(self.held_until) <= now && self.gcra.draw_at_once(units, StoreTime(now.0))
    }

    /// Returns the expected start of a caller that arrives now, behind waiters whose units sum to `before`. Draws
    /// nothing.
    pub(super) fn due_behind(&self, before: impl IntoIterator<Item = u64>, units: &[u32], now: Tick) -> Tick {
        let e_min = now.max(self.opens_at).max(self.held_until);
        Tick(self.gcra.due_behind(before, units, StoreTime(e_min.0)).0)
    }

    /// Returns when each limit has its whole burst again.
    pub(super) fn full_at(&self) -> impl Iterator<Item = Tick> {
        self.gcra.tats().map(|tat| Tick(tat.rounded_up().0))
    }

    pub(super) fn held_until(&self) -> Tick {
        self.held_until
    }

    /// Returns `true` if the budget can be discarded and created again later: every limit has its whole burst, the
    /// budget is open, and no hold is left.
    pub(super) fn is_full(&self, now: Tick) -> bool {
        self.full_at().all(|at| at <= now) && now >= self.opens_at && now >= self.held_until
    }

    /// Lets no call start before `until`. Returns `false` if a hold until then or later is in force already.
    pub(super) fn hold(&mut self, until: Tick) -> bool {
        if until <= self.held_until {
            return false;
        }
        self.held_until = until;
        self.gcra.hold(StoreTime(until.0), self.pacing.iter().copied());
        true
    }

    /// Corrects the charge on the limit at `index` by `delta` units.
    pub(super) fn settle(&mut self, index: usize, delta: i64, now: Tick) {
        self.gcra.settle(index, delta, StoreTime(now.0));
    }
}

#[cfg(test)]
mod tests {
    use stitchapi_core::pace::{LimitId, LimitSpec, limits};

    use super::*;

    fn ten(burst: u32) -> InProcessPacer {
        let id = LimitId::calls(Duration::from_secs(1));
        let limits = limits(&[LimitSpec { id, permits: 10, burst: Some(burst) }]).unwrap();
        InProcessPacer::new(&limits, Duration::from_millis(5), Tick(0))
    }

    #[test]
    fn a_waiter_keeps_the_slot_of_its_arrival_until_it_is_late() {
        let mut pacer = ten(1);
        assert_eq!(pacer.draw_for_waiter(&[1], Tick(0), Tick(0)), NextStart::Now(Tick(0)));
        assert_eq!(pacer.draw_for_waiter(&[1], Tick(10), Tick(20)), NextStart::NotBefore(Tick(100_500)));
        assert_eq!(pacer.draw_for_waiter(&[1], Tick(10), Tick(105_499)), NextStart::Now(Tick(100_500)));
        assert_eq!(pacer.draw_for_waiter(&[1], Tick(20), Tick(206_000)), NextStart::Now(Tick(206_000)));
        assert_eq!(pacer.draw_for_waiter(&[1], Tick(30), Tick(206_000)), NextStart::NotBefore(Tick(306_500)));
    }

    #[test]
    fn no_burst_follows_a_hold() {
        let mut pacer = ten(3);
        pacer.hold(Tick(2_000_000));
        assert_eq!(pacer.draw_for_waiter(&[1], Tick(0), Tick(1_000_000)), NextStart::NotBefore(Tick(2_000_000)));
        assert_eq!(pacer.draw_for_waiter(&[1], Tick(0), Tick(2_000_000)), NextStart::Now(Tick(2_000_000)));
        assert_eq!(pacer.draw_for_waiter(&[1], Tick(0), Tick(2_000_000)), NextStart::NotBefore(Tick(2_100_500)));
    }

    #[test]
    fn an_estimate_draws_nothing() {
        let pacer = ten(1);
        assert_eq!(pacer.due_behind([3], &[1], Tick(7)), Tick(301_507));
    }
}
