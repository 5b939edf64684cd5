//! The arithmetic of one limit, by the generic cell rate algorithm (GCRA). The module doc of `pace` states the
//! formulas.

use super::cell::LimitState;
use super::limit::Limit;
use super::tat::Tat;
use crate::time::MAX_SAFE_INTEGER;
use crate::{StoreTime, micros_up};

/// One limit during a transition.
///
/// Times are scaled: they are integers in units of `1/permits` microsecond. In that unit `T(x)`, the time that `x`
/// units take, is a plain product, and nothing is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gcra {
    permits: u32,
    burst: u32,
    /// `T(1)`, scaled: the sum `W + J` of the period and the maximum lateness in microseconds, because `(W + J) / N`
    /// microseconds are `W + J` units of `1/N` microsecond.
    spacing: u64,
    /// Theoretical arrival time, scaled.
    tat: i128,
}

impl Gcra {
    /// Limit that restricts no start.
    pub(super) const UNLIMITED: Self = Self { permits: 1, burst: 1, spacing: 0, tat: 0 };

    /// Creates a limit with full credit. `max_lateness` is in microseconds.
    pub(super) fn unused(limit: &Limit, max_lateness: u32) -> Self {
        Self {
            permits: limit.permits.max(1),
            burst: limit.burst.max(1),
            spacing: micros_up(limit.id.period()).saturating_add(max_lateness.into()),
            tat: 0,
        }
    }

    /// Creates a limit from its state in a cell. `max_lateness` is that of the cell, in microseconds.
    pub(super) fn new(state: &LimitState, max_lateness: u32) -> Self {
        let permits = state.permits.value;
        Self {
            permits,
            burst: state.burst.value,
            spacing: micros_up(state.id.period()).saturating_add(max_lateness.into()),
            tat: i128::from(state.tat.micros) * i128::from(permits) + i128::from(state.tat.remainder),
        }
    }

    /// Returns the earliest start of a call of this cost, at `e_min` or later, rounded up to a whole microsecond.
    pub(super) fn start(&self, cost: u32, e_min: StoreTime) -> StoreTime {
        let ready = self.ready(cost, e_min);
        // An idle caller nearly always starts at `e_min`, and this comparison saves it a division.
        if ready <= self.scaled(e_min) { e_min } else { self.round_up(ready) }
    }

    /// Returns `true` if a call of this cost may start at `now`.
    #[inline]
    pub(super) fn admits(&self, cost: u32, now: StoreTime) -> bool {
        self.ready(cost, now) <= self.scaled(now)
    }

    /// Returns the earliest start of a call of this cost after calls that draw `units_before` units together, at
    /// `at_least` or later.
    pub(super) fn start_behind(
        &self,
        units_before: u64,
        cost: u32,
        e_min: StoreTime,
        at_least: StoreTime,
    ) -> StoreTime {
        let ready = self.ready(cost, e_min) + i128::from(units_before) * i128::from(self.spacing);
        // Usually another limit or `e_min` determines the start, and this comparison saves a division.
        if ready <= self.scaled(at_least) { at_least } else { self.round_up(ready) }
    }

    /// Books a call of this cost at `start`: moves the tat to the start, unless it is later already, and then advances
    /// it by the time that the cost takes. If the cost exceeds the burst, the call has waited for the excess before its
    /// start, and that time is not charged again.
    ///
    /// If this limit determined the start, the tat is computed from the exact time before rounding. Computed from the
    /// rounded start, it would lose up to a microsecond per permit, which is half the budget at a million permits a
    /// second.
    #[inline]
    pub(super) fn book(&mut self, cost: u32, start: StoreTime, e_min: StoreTime) {
        let (ready, start) = (self.ready(cost, e_min), self.scaled(start));
        let was_rounded_up_to_start = ready > start - i128::from(self.permits) && ready < start;
        let from = if was_rounded_up_to_start { ready } else { start };
        let excess = self.spacings(cost.saturating_sub(self.burst).into());
        self.tat = self.tat.max(from - excess) + self.spacings(cost.into());
    }

    /// Raises the tat to at least `units` spacings after `time`.
    pub(super) fn raise(&mut self, time: StoreTime, units: u32) {
        self.tat = self.tat.max(self.scaled(time) + self.spacings(units.into()));
    }

    /// Raises the tat so that the burst is spent at `time`: one permit can start then, and the next one spacing later.
    pub(super) fn spend_burst(&mut self, time: StoreTime) {
        self.raise(time, self.burst - 1);
    }

    /// Raises the tat so that no credit is left at `time`: the next permit can start one spacing later.
    pub(super) fn spend_all(&mut self, time: StoreTime) {
        self.raise(time, self.burst);
    }

    /// Charges `delta` units. A negative `delta` gives units back, up to the full burst at `now`.
    pub(super) fn settle(&mut self, delta: i64, now: StoreTime) {
        let now = self.scaled(now);
        let change = self.spacings(delta);
        self.tat = if delta > 0 { self.tat.max(now) + change } else { (self.tat + change).max(self.tat.min(now)) };
    }

    /// Returns `T(b)`: the time by which the tat is ahead of now when the whole burst is spent.
    pub(super) fn full_credit(&self) -> Tat {
        Self { tat: self.spacings(self.burst.into()), ..*self }.tat()
    }

    /// Returns the tat as a cell keeps it.
    pub(super) fn tat(&self) -> Tat {
        let permits = i128::from(self.permits);
        let whole = self.tat.div_euclid(permits);
        // The largest time of a cell has no remainder, because rounding it up would exceed the range.
        if whole >= i128::from(MAX_SAFE_INTEGER) {
            return Tat { micros: MAX_SAFE_INTEGER, remainder: 0 };
        }
        let remainder = u32::try_from(self.tat.rem_euclid(permits)).unwrap_or(0);
        Tat { micros: clamped(whole).0, remainder }
    }

    /// Returns the exact time, scaled, at which the limit admits a call of this cost.
    #[inline]
    fn ready(&self, cost: u32, e_min: StoreTime) -> i128 {
        self.tat.max(self.scaled(e_min)) + self.spacings(i64::from(cost) - i64::from(self.burst))
    }

    fn round_up(&self, scaled: i128) -> StoreTime {
        let permits = i128::from(self.permits);
        clamped(scaled.div_euclid(permits) + i128::from(scaled.rem_euclid(permits) > 0))
    }

    /// Returns `T(units)`, scaled.
    #[inline]
    fn spacings(&self, units: i64) -> i128 {
        i128::from(units) * i128::from(self.spacing)
    }

    #[inline]
    fn scaled(&self, time: StoreTime) -> i128 {
        i128::from(time.0) * i128::from(self.permits)
    }
}

fn clamped(micros: i128) -> StoreTime {
    StoreTime(u64::try_from(micros.clamp(0, i128::from(MAX_SAFE_INTEGER))).unwrap_or(MAX_SAFE_INTEGER))
}
