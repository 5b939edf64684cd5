//! Limits in force, and the arithmetic of one of them.

use std::time::Duration;

use super::{Cell, Limit, LimitState, Tat};
use crate::time::LARGEST;
use crate::{StoreTime, micros_up};

/// The limits of a bucket without a store around them: what a [`Cell`] is during a step, and all that a bucket of one
/// process needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcraSet {
    limits: Vec<Gcra>,
    /// No start comes before the one that was drawn last.
    latest: StoreTime,
}

impl GcraSet {
    /// These limits with full credit.
    #[must_use]
    pub fn new(limits: &[Limit], guard: Duration) -> Self {
        let guard = u32::try_from(micros_up(guard)).unwrap_or(u32::MAX);
        let fresh = |limit: &Limit| Gcra {
            permits: limit.permits.max(1),
            burst: limit.burst.max(1),
            spacing: micros_up(limit.id.period()).saturating_add(guard.into()),
            tat: 0,
        };
        Self { limits: limits.iter().map(fresh).collect(), latest: StoreTime(0) }
    }

    /// The limits as a cell has them, in the order of `limits`. A limit that it has not binds nobody.
    pub(super) fn of_cell(cell: &Cell, limits: &[Limit]) -> Self {
        let limits = limits.iter().map(|limit| {
            let state = cell.limits.iter().find(|state| state.id == limit.id);
            state.map_or(Gcra::FREE, |state| Gcra::new(state, cell.guard.value))
        });
        Self { limits: limits.collect(), latest: StoreTime(0) }
    }

    /// When a call may start that draws `costs`, units per limit in their order, if it may not before `e_min`. Missing
    /// numbers count as 0.
    #[must_use]
    pub fn due(&self, costs: &[u32], e_min: StoreTime) -> StoreTime {
        let drawn = self.limits.iter().zip(costs).filter(|(_, cost)| **cost > 0);
        drawn.fold(self.latest.max(e_min), |start, (gcra, cost)| start.max(gcra.start(*cost, e_min)))
    }

    /// Draws `costs` for a start at `now`, if that is not too early; whether it is not.
    #[inline]
    pub fn draw_at_once(&mut self, costs: &[u32], now: StoreTime) -> bool {
        let drawn = |(gcra, cost): (&Gcra, &u32)| *cost == 0 || gcra.free(*cost, now) <= gcra.fine(now);
        let may = self.latest <= now && self.limits.iter().zip(costs).all(drawn);
        if may {
            self.draw(costs, now, now);
        }
        may
    }

    /// Draws `costs` for a start at `start`, which [`due`](Self::due) gave for the same `e_min`.
    #[inline]
    pub fn draw(&mut self, costs: &[u32], start: StoreTime, e_min: StoreTime) {
        for (gcra, cost) in self.limits.iter_mut().zip(costs).filter(|(_, cost)| **cost > 0) {
            gcra.draw(*cost, start, e_min);
        }
        self.latest = start;
    }

    /// When a call may start at the earliest behind others that draw `before`, units per limit. Exact for one limit; with
    /// several the others may push each other further. Missing numbers count as 0.
    #[must_use]
    pub fn due_behind(&self, before: impl IntoIterator<Item = u64>, costs: &[u32], e_min: StoreTime) -> StoreTime {
        let before = before.into_iter().chain(std::iter::repeat(0));
        let drawn = self.limits.iter().zip(costs).zip(before).filter(|((_, cost), _)| **cost > 0);
        drawn.fold(self.latest.max(e_min), |start, ((gcra, cost), before)| {
            let free = gcra.free(*cost, e_min) + i128::from(before) * i128::from(gcra.spacing);
            // As for nearly everybody, and without a division.
            if free <= gcra.fine(start) { start } else { gcra.round_up(free) }
        })
    }

    /// Nobody starts before `until`, and the limits at these positions, those of the shortest period, have spent their
    /// burst by then.
    pub fn hold(&mut self, until: StoreTime, paced: impl IntoIterator<Item = usize>) {
        for index in paced {
            if let Some(gcra) = self.limits.get_mut(index) {
                gcra.raise(until, gcra.burst - 1);
            }
        }
        self.latest = self.latest.max(until);
    }

    /// Corrects what the limit at `index` was charged: gives back if `delta` is negative, never below `now`.
    pub fn settle(&mut self, index: usize, delta: i64, now: StoreTime) {
        if let Some(gcra) = self.limits.get_mut(index) {
            gcra.settle(delta, now);
        }
    }

    /// The tats, in the order of the limits.
    pub fn tats(&self) -> impl Iterator<Item = Tat> + '_ {
        self.limits.iter().map(Gcra::tat)
    }
}

/// One limit during a step. Times are in `1/permits` microsecond: in that unit `T(x)` is a plain product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gcra {
    permits: u32,
    burst: u32,
    /// `T(1)`: the period and the guard, in microseconds, which is `(W + J) / N` in this limit's unit.
    spacing: u64,
    tat: i128,
}

impl Gcra {
    /// A limit that binds nobody.
    const FREE: Self = Self { permits: 1, burst: 1, spacing: 0, tat: 0 };

    pub(super) fn new(state: &LimitState, guard: u32) -> Self {
        let permits = state.permits.value;
        Self {
            permits,
            burst: state.burst.value,
            spacing: micros_up(state.id.period()).saturating_add(guard.into()),
            tat: i128::from(state.tat.micros) * i128::from(permits) + i128::from(state.tat.remainder),
        }
    }

    /// When a call of this cost may start, exactly.
    #[inline]
    fn free(&self, cost: u32, e_min: StoreTime) -> i128 {
        self.tat.max(self.fine(e_min)) + self.spacings(i64::from(cost) - i64::from(self.burst))
    }

    /// When a call of this cost may start: the next whole microsecond, `e_min` at the earliest.
    fn start(&self, cost: u32, e_min: StoreTime) -> StoreTime {
        let free = self.free(cost, e_min);
        // As nearly always for an idle caller, and without a division.
        if free <= self.fine(e_min) { e_min } else { self.round_up(free) }
    }

    /// Moves the tat up to a start and past it. Where this limit set the start, from the exact time that was rounded up
    /// to it: at a million a second those fractions would be half the budget.
    #[inline]
    fn draw(&mut self, cost: u32, start: StoreTime, e_min: StoreTime) {
        let (free, start) = (self.free(cost, e_min), self.fine(start));
        let was_rounded_up_to_it = free > start - i128::from(self.permits) && free < start;
        let at = if was_rounded_up_to_it { free } else { start };
        let excess = self.spacings(cost.saturating_sub(self.burst).into());
        self.tat = self.tat.max(at - excess) + self.spacings(cost.into());
    }

    /// Raises the tat to `units` spacings after `time`.
    pub(super) fn raise(&mut self, time: StoreTime, units: u32) {
        self.tat = self.tat.max(self.fine(time) + self.spacings(units.into()));
    }

    /// Charges `delta` units; gives back if it is negative, never below now.
    pub(super) fn settle(&mut self, delta: i64, now: StoreTime) {
        let now = self.fine(now);
        let by = self.spacings(delta);
        self.tat = if delta > 0 { self.tat.max(now) + by } else { (self.tat + by).max(self.tat.min(now)) };
    }

    /// `T(b)`: how far the tat is ahead when the whole burst is spent.
    pub(super) fn credit(&self) -> Tat {
        Self { tat: self.spacings(self.burst.into()), ..*self }.tat()
    }

    pub(super) fn tat(&self) -> Tat {
        let permits = i128::from(self.permits);
        let whole = self.tat.div_euclid(permits);
        // At the end of time there is no remainder: rounded up, it would be beyond.
        if whole >= i128::from(LARGEST) {
            return Tat { micros: LARGEST, remainder: 0 };
        }
        let remainder = u32::try_from(self.tat.rem_euclid(permits)).unwrap_or(0);
        Tat { micros: coarse(whole).0, remainder }
    }

    fn round_up(&self, fine: i128) -> StoreTime {
        let permits = i128::from(self.permits);
        coarse(fine.div_euclid(permits) + i128::from(fine.rem_euclid(permits) > 0))
    }

    /// `T(units)`.
    #[inline]
    fn spacings(&self, units: i64) -> i128 {
        i128::from(units) * i128::from(self.spacing)
    }

    #[inline]
    fn fine(&self, time: StoreTime) -> i128 {
        i128::from(time.0) * i128::from(self.permits)
    }
}

fn coarse(micros: i128) -> StoreTime {
    StoreTime(u64::try_from(micros.clamp(0, i128::from(LARGEST))).unwrap_or(LARGEST))
}
