//! The arithmetic of starts.

use super::{Cell, LimitId, LimitState, Pace, Tat};
use crate::time::LARGEST;
use crate::{StoreTime, micros_up};

/// The starts of the calls of a [`Pace`], one after the other, as a cell gives them.
///
/// It yields a start for every call, however far ahead.
#[derive(Debug)]
pub struct Starts<'a> {
    lines: Vec<Line>,
    pace: &'a Pace,
    e_min: StoreTime,
    latest: StoreTime,
    next: usize,
    end: usize,
}

impl<'a> Starts<'a> {
    /// `cell` must have every limit of `pace`: it has been [repaired](super::step::reserve).
    pub(super) fn new(cell: &Cell, pace: &'a Pace, e_min: StoreTime) -> Self {
        let lines = pace.limits.iter().map(|limit| {
            let state = cell.limits.iter().find(|state| state.id == limit.id);
            state.map_or(Line::FREE, |state| Line::new(state, cell.guard.value))
        });
        Self { lines: lines.collect(), pace, e_min, latest: e_min, next: 0, end: pace.calls.len() }
    }

    pub(super) fn at_most(mut self, calls: usize) -> Self {
        self.end = self.end.min(calls);
        self
    }

    /// The tats after what has been yielded so far, in the order of the pace's limits.
    pub(super) fn tats(&self) -> impl Iterator<Item = (&'a LimitId, Tat)> + '_ {
        self.pace.limits.iter().map(|limit| &limit.id).zip(self.lines.iter().map(Line::tat))
    }
}

impl Starts<'_> {
    /// Draws for every call that may start at `last` or before, in order; how many those are.
    pub(super) fn book_until(&mut self, last: StoreTime) -> usize {
        while let Some(start) = self.due().filter(|start| *start <= last) {
            self.draw(start);
        }
        self.next
    }

    /// When the next call may start.
    fn due(&self) -> Option<StoreTime> {
        let costs = self.pace.calls[..self.end].get(self.next)?.0.iter();
        let drawn = self.lines.iter().zip(costs).filter(|(_, cost)| **cost > 0);
        Some(drawn.fold(self.latest, |start, (line, cost)| start.max(line.start(*cost, self.e_min))))
    }

    fn draw(&mut self, start: StoreTime) {
        for (line, cost) in self.lines.iter_mut().zip(&self.pace.calls[self.next].0).filter(|(_, cost)| **cost > 0) {
            line.draw(*cost, start, self.e_min);
        }
        self.next += 1;
        self.latest = start;
    }
}

impl Iterator for Starts<'_> {
    type Item = StoreTime;

    fn next(&mut self) -> Option<StoreTime> {
        let start = self.due()?;
        self.draw(start);
        Some(start)
    }
}

/// One limit during a step. Times are in `1/permits` microsecond: in that unit `T(x)` is a plain product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    permits: i128,
    /// `T(1)`: the period and the guard, in microseconds, which is `(W + J) / N` in the line's unit.
    spacing: i128,
    burst: i128,
    tat: i128,
}

impl Line {
    /// A limit that binds nobody.
    const FREE: Self = Self { permits: 1, spacing: 0, burst: 1, tat: 0 };

    pub(super) fn new(state: &LimitState, guard: u32) -> Self {
        let permits = i128::from(state.permits.value);
        Self {
            permits,
            spacing: i128::from(micros_up(state.id.period())) + i128::from(guard),
            burst: i128::from(state.burst.value),
            tat: i128::from(state.tat.micros) * permits + i128::from(state.tat.remainder),
        }
    }

    /// When a call of this cost may start, exactly.
    fn free(&self, cost: u32, e_min: StoreTime) -> i128 {
        self.tat.max(self.fine(e_min)) + (i128::from(cost) - self.burst) * self.spacing
    }

    /// When a call of this cost may start: the next whole microsecond.
    fn start(&self, cost: u32, e_min: StoreTime) -> StoreTime {
        self.round_up(self.free(cost, e_min))
    }

    /// Moves the tat up to a start and past it. Where this limit set the start, from the exact time that was rounded up
    /// to it: at a million a second those fractions would be half the budget.
    fn draw(&mut self, cost: u32, start: StoreTime, e_min: StoreTime) {
        let free = self.free(cost, e_min);
        let at = if self.round_up(free) == start { free } else { self.fine(start) };
        let cost = i128::from(cost);
        let excess = (cost - self.burst).max(0) * self.spacing;
        self.tat = self.tat.max(at - excess) + cost * self.spacing;
    }

    /// Raises the tat to `units` spacings after `time`.
    pub(super) fn raise(&mut self, time: StoreTime, units: u32) {
        self.tat = self.tat.max(self.fine(time) + i128::from(units) * self.spacing);
    }

    /// Charges `delta` units; gives back if it is negative, never below now.
    pub(super) fn settle(&mut self, delta: i64, now: StoreTime) {
        let now = self.fine(now);
        let by = i128::from(delta) * self.spacing;
        self.tat = if delta > 0 { self.tat.max(now) + by } else { (self.tat + by).max(self.tat.min(now)) };
    }

    pub(super) fn tat(&self) -> Tat {
        let whole = self.tat.div_euclid(self.permits);
        // At the end of time there is no remainder: rounded up, it would be beyond.
        if whole >= i128::from(LARGEST) {
            return Tat { micros: LARGEST, remainder: 0 };
        }
        let remainder = u32::try_from(self.tat.rem_euclid(self.permits)).unwrap_or(0);
        Tat { micros: coarse(whole).0, remainder }
    }

    fn round_up(&self, fine: i128) -> StoreTime {
        coarse(fine.div_euclid(self.permits) + i128::from(fine.rem_euclid(self.permits) > 0))
    }

    fn fine(&self, time: StoreTime) -> i128 {
        i128::from(time.0) * self.permits
    }
}

fn coarse(micros: i128) -> StoreTime {
    StoreTime(u64::try_from(micros.clamp(0, i128::from(LARGEST))).unwrap_or(LARGEST))
}
