//! Pacing within this process: the budget of a seam without a store, and the share of a process during an outage.

use std::time::Duration;

use stitchapi_core::pace::{GcraSet, Limit};
use stitchapi_core::{StoreTime, Tick};

/// A budget of this process, on the runtime's own clock.
///
/// Nothing is booked ahead: a start is drawn when it happens, so a caller that leaves costs nothing, and the arithmetic is
/// that of a store's cell in which every waiter had booked when it came.
#[derive(Debug)]
pub(in crate::throttle) struct Pacing {
    gcra: GcraSet,
    /// The positions of the limits of the shortest period.
    paced: Vec<usize>,
    guard: Duration,
    /// Nobody starts before.
    opens: Tick,
    held_until: Tick,
}

/// Whether one who waits may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::throttle) enum Turn {
    /// It may, as from this time; it has been drawn.
    Now(Tick),
    /// Not before this.
    At(Tick),
}

impl Pacing {
    pub(in crate::throttle) fn new(limits: &[Limit], guard: Duration, opens: Tick) -> Self {
        let shortest = limits.iter().map(|limit| limit.id.period()).min();
        let paced = (0..limits.len()).filter(|index| Some(limits[*index].id.period()) == shortest).collect();
        Self { gcra: GcraSet::new(limits, guard), paced, guard, opens, held_until: Tick(0) }
    }

    /// When the first one may start.
    pub(in crate::throttle) fn opens(&self) -> Tick {
        self.opens
    }

    /// When it opens, one unit of the limit at `index` has been spent.
    pub(in crate::throttle) fn spend(&mut self, index: usize) {
        self.gcra.settle(index, 1, StoreTime(self.opens.0));
    }

    /// Draws for a caller that has waited since `arrived`, if it may start now.
    ///
    /// Its slot is that of a caller who booked on arrival. Where that has passed by more than the guard, it is now.
    pub(in crate::throttle) fn turn(&mut self, units: &[u32], arrived: Tick, now: Tick) -> Turn {
        let closed = self.opens.max(self.held_until);
        let mut e_min = StoreTime(arrived.max(closed).0);
        let mut due = self.gcra.due(units, e_min);
        if StoreTime(now.0) >= due + self.guard {
            e_min = StoreTime(now.0);
            due = self.gcra.due(units, e_min);
        }
        if due > StoreTime(now.0) {
            return Turn::At(Tick(due.0));
        }
        self.gcra.draw(units, due, e_min);
        Turn::Now(Tick(due.0))
    }

    /// Draws for a caller that comes now, if it may start now.
    #[inline]
    pub(in crate::throttle) fn start(&mut self, units: &[u32], now: Tick) -> bool {
        self.opens.max(self.held_until) <= now && self.gcra.draw_at_once(units, StoreTime(now.0))
    }

    /// When a caller that comes now could start behind others who cost `before` together.
    pub(in crate::throttle) fn due_behind(
        &self,
        before: impl IntoIterator<Item = u64>,
        units: &[u32],
        now: Tick,
    ) -> Tick {
        let e_min = now.max(self.opens).max(self.held_until);
        Tick(self.gcra.due_behind(before, units, StoreTime(e_min.0)).0)
    }

    /// When each limit has its whole burst again.
    pub(in crate::throttle) fn full_at(&self) -> impl Iterator<Item = Tick> {
        self.gcra.tats().map(|tat| Tick(tat.rounded_up().0))
    }

    pub(in crate::throttle) fn held_until(&self) -> Tick {
        self.held_until
    }

    /// Whether it is as a new one would be.
    pub(in crate::throttle) fn is_full(&self, now: Tick) -> bool {
        self.full_at().all(|at| at <= now) && now >= self.opens && now >= self.held_until
    }

    /// Lets nobody start before `until`; whether that is later than before.
    pub(in crate::throttle) fn hold(&mut self, until: Tick) -> bool {
        if until <= self.held_until {
            return false;
        }
        self.held_until = until;
        self.gcra.hold(StoreTime(until.0), self.paced.iter().copied());
        true
    }

    /// Corrects what the limit at `index` was charged.
    pub(in crate::throttle) fn settle(&mut self, index: usize, delta: i64, now: Tick) {
        self.gcra.settle(index, delta, StoreTime(now.0));
    }
}

#[cfg(test)]
mod tests {
    use stitchapi_core::pace::{LimitId, LimitSpec, limits};

    use super::*;

    fn ten(burst: u32) -> Pacing {
        let id = LimitId::calls(Duration::from_secs(1));
        let limits = limits(&[LimitSpec { id, permits: 10, burst: Some(burst) }]).unwrap();
        Pacing::new(&limits, Duration::from_millis(5), Tick(0))
    }

    #[test]
    fn who_waited_keeps_the_slot_of_its_arrival_while_it_is_not_late() {
        let mut pacing = ten(1);
        assert_eq!(pacing.turn(&[1], Tick(0), Tick(0)), Turn::Now(Tick(0)));
        assert_eq!(pacing.turn(&[1], Tick(10), Tick(20)), Turn::At(Tick(100_500)));
        assert_eq!(pacing.turn(&[1], Tick(10), Tick(105_499)), Turn::Now(Tick(100_500)));
        assert_eq!(pacing.turn(&[1], Tick(20), Tick(206_000)), Turn::Now(Tick(206_000)));
        assert_eq!(pacing.turn(&[1], Tick(30), Tick(206_000)), Turn::At(Tick(306_500)));
    }

    #[test]
    fn a_hold_leaves_no_burst_behind_it() {
        let mut pacing = ten(3);
        pacing.hold(Tick(2_000_000));
        assert_eq!(pacing.turn(&[1], Tick(0), Tick(1_000_000)), Turn::At(Tick(2_000_000)));
        assert_eq!(pacing.turn(&[1], Tick(0), Tick(2_000_000)), Turn::Now(Tick(2_000_000)));
        assert_eq!(pacing.turn(&[1], Tick(0), Tick(2_000_000)), Turn::At(Tick(2_100_500)));
    }

    #[test]
    fn the_place_behind_others_is_told_without_drawing() {
        let pacing = ten(1);
        assert_eq!(pacing.due_behind([3], &[1], Tick(7)), Tick(301_507));
    }
}
