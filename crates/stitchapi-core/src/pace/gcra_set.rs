//! The arithmetic of all limits of one bucket. One call can draw on several of them.

use std::time::Duration;

use super::cell::Cell;
use super::gcra::Gcra;
use super::limit::Limit;
use super::tat::Tat;
use crate::{StoreTime, micros_up};

/// Limits of one bucket, with their state. A transition uses it to change a cell. A process without a store uses it as
/// its whole budget.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::StoreTime;
/// use stitchapi_core::pace::{GcraSet, LimitId, LimitSpec, limits};
///
/// let id = LimitId::calls(Duration::from_secs(1));
/// let mut budget = GcraSet::new(&limits(&[LimitSpec { id, permits: 10, burst: Some(2) }])?, Duration::ZERO);
/// let now = StoreTime(0);
/// assert!(budget.draw_at_once(&[1], now) && budget.draw_at_once(&[1], now));
/// assert!(!budget.draw_at_once(&[1], now));
/// assert_eq!(budget.due(&[1], now), StoreTime(100_000));
/// # Ok::<(), stitchapi_core::pace::LimitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcraSet {
    limits: Vec<Gcra>,
    /// Start of the call that was booked last. Calls booked after it do not start earlier.
    latest: StoreTime,
}

impl GcraSet {
    /// Creates these limits with full credit.
    #[must_use]
    pub fn new(limits: &[Limit], max_lateness: Duration) -> Self {
        let max_lateness = u32::try_from(micros_up(max_lateness)).unwrap_or(u32::MAX);
        let limits = limits.iter().map(|limit| Gcra::unused(limit, max_lateness));
        Self { limits: limits.collect(), latest: StoreTime(0) }
    }

    /// Creates the state of `limits` from the cell, in their order. A limit that the cell does not have restricts no
    /// start.
    pub(super) fn of_cell(cell: &Cell, limits: &[Limit]) -> Self {
        let limits = limits.iter().map(|limit| {
            let state = cell.limit(&limit.id);
            state.map_or(Gcra::UNLIMITED, |state| Gcra::new(state, cell.max_lateness.value))
        });
        Self { limits: limits.collect(), latest: StoreTime(0) }
    }

    /// Returns the earliest start of a call, at `e_min` or later. `costs` are the units that it draws, in the order of
    /// the limits. Missing costs are 0.
    #[must_use]
    pub fn due(&self, costs: &[u32], e_min: StoreTime) -> StoreTime {
        let drawn = self.limits.iter().zip(costs).filter(|(_, cost)| **cost > 0);
        drawn.fold(self.latest.max(e_min), |start, (limit, cost)| start.max(limit.start(*cost, e_min)))
    }

    /// Books a call with these costs at `now` if it may start then. Returns `true` if it was booked.
    #[inline]
    pub fn draw_at_once(&mut self, costs: &[u32], now: StoreTime) -> bool {
        let admits = |(limit, cost): (&Gcra, &u32)| *cost == 0 || limit.admits(*cost, now);
        let may_start = self.latest <= now && self.limits.iter().zip(costs).all(admits);
        if may_start {
            self.draw(costs, now, now);
        }
        may_start
    }

    /// Books a call at `start`, which [`due`](Self::due) has returned for the same costs and the same `e_min`.
    #[inline]
    pub fn draw(&mut self, costs: &[u32], start: StoreTime, e_min: StoreTime) {
        for (limit, cost) in self.limits.iter_mut().zip(costs).filter(|(_, cost)| **cost > 0) {
            limit.book(*cost, start, e_min);
        }
        self.latest = start;
    }

    /// Returns the earliest start of a call that follows other calls, which are not booked yet. `before` are the units
    /// per limit that these calls draw together. Missing numbers are 0.
    ///
    /// The result is exact for one limit. With several limits the real start can be later, because one limit can delay
    /// the other calls, and the remaining limits are computed without that delay.
    #[must_use]
    pub fn due_behind(&self, before: impl IntoIterator<Item = u64>, costs: &[u32], e_min: StoreTime) -> StoreTime {
        let before = before.into_iter().chain(std::iter::repeat(0));
        let drawn = self.limits.iter().zip(costs).zip(before).filter(|((_, cost), _)| **cost > 0);
        drawn.fold(self.latest.max(e_min), |start, ((limit, cost), before)| {
            limit.start_behind(before, *cost, e_min, start)
        })
    }

    /// Lets no call start before `until`. `paced` are the positions of the limits with the shortest period: their burst
    /// counts as spent at `until`.
    pub fn hold(&mut self, until: StoreTime, paced: impl IntoIterator<Item = usize>) {
        for index in paced {
            if let Some(limit) = self.limits.get_mut(index) {
                limit.spend_burst(until);
            }
        }
        self.latest = self.latest.max(until);
    }

    /// Charges `delta` units to the limit at position `index`. A negative `delta` gives units back, up to the full
    /// burst at `now`.
    pub fn settle(&mut self, index: usize, delta: i64, now: StoreTime) {
        if let Some(limit) = self.limits.get_mut(index) {
            limit.settle(delta, now);
        }
    }

    /// Returns the tats, in the order of the limits.
    pub fn tats(&self) -> impl Iterator<Item = Tat> + '_ {
        self.limits.iter().map(Gcra::tat)
    }
}
