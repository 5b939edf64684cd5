//! The arithmetic of several limits that one call draws on.

use std::time::Duration;

use super::cell::Cell;
use super::gcra::Gcra;
use super::limit::Limit;
use super::tat::Tat;
use crate::{StoreTime, micros_up};

/// The limits of one bucket, with their state. It is used on a cell during a transition, and by a process without a store as
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

    /// Creates the limits of a cell, in the order of `limits`. A limit that the cell does not have restricts no start.
    pub(super) fn of_cell(cell: &Cell, limits: &[Limit]) -> Self {
        let limits = limits.iter().map(|limit| {
            let state = cell.limit(&limit.id);
            state.map_or(Gcra::UNLIMITED, |state| Gcra::new(state, cell.max_lateness.value))
        });
        Self { limits: limits.collect(), latest: StoreTime(0) }
    }

    /// Returns the earliest start, from `e_min` on, of a call with these costs: units per limit, in the order of the
    /// limits. Missing costs are 0.
    #[must_use]
    pub fn due(&self, costs: &[u32], e_min: StoreTime) -> StoreTime {
        let drawn = self.limits.iter().zip(costs).filter(|(_, cost)| **cost > 0);
        drawn.fold(self.latest.max(e_min), |start, (limit, cost)| start.max(limit.start(*cost, e_min)))
    }

    /// Books a start at `now` for a call with these costs and returns `true`, if the call may start now.
    #[inline]
    pub fn draw_at_once(&mut self, costs: &[u32], now: StoreTime) -> bool {
        let admits = |(limit, cost): (&Gcra, &u32)| *cost == 0 || limit.admits(*cost, now);
        let may_start = self.latest <= now && self.limits.iter().zip(costs).all(admits);
        if may_start {
            self.draw(costs, now, now);
        }
        may_start
    }

    /// Books a start at `start`, which [`due`](Self::due) returned for the same costs and the same `e_min`.
    #[inline]
    pub fn draw(&mut self, costs: &[u32], start: StoreTime, e_min: StoreTime) {
        for (limit, cost) in self.limits.iter_mut().zip(costs).filter(|(_, cost)| **cost > 0) {
            limit.book(*cost, start, e_min);
        }
        self.latest = start;
    }

    /// Returns the earliest start of a call behind others that together draw `before`, units per limit.
    ///
    /// The result is exact for one limit. With several limits the other calls may start later than assumed, and this call
    /// after them. Missing numbers are 0.
    #[must_use]
    pub fn due_behind(&self, before: impl IntoIterator<Item = u64>, costs: &[u32], e_min: StoreTime) -> StoreTime {
        let before = before.into_iter().chain(std::iter::repeat(0));
        let drawn = self.limits.iter().zip(costs).zip(before).filter(|((_, cost), _)| **cost > 0);
        drawn.fold(self.latest.max(e_min), |start, ((limit, cost), before)| {
            limit.start_behind(before, *cost, e_min, start)
        })
    }

    /// Lets no call start before `until`, and spends the burst of the limits at the positions `paced` by then: the limits
    /// of the shortest period.
    pub fn hold(&mut self, until: StoreTime, paced: impl IntoIterator<Item = usize>) {
        for index in paced {
            if let Some(limit) = self.limits.get_mut(index) {
                limit.spend_burst(until);
            }
        }
        self.latest = self.latest.max(until);
    }

    /// Charges `delta` units to the limit at `index`, or gives them back if it is negative, never below `now`.
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
