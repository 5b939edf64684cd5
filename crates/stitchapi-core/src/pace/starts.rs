//! The arithmetic of starts.

use super::lines::Lines;
use super::{Cell, LimitId, Pace, Tat};
use crate::StoreTime;

/// The starts of the calls of a [`Pace`], one after the other, as a cell gives them.
///
/// It yields a start for every call, however far ahead.
#[derive(Debug)]
pub struct Starts<'a> {
    lines: Lines,
    pace: &'a Pace,
    e_min: StoreTime,
    next: usize,
    end: usize,
}

impl<'a> Starts<'a> {
    /// `cell` must have every limit of `pace`: it has been [repaired](super::step::reserve).
    pub(super) fn new(cell: &Cell, pace: &'a Pace, e_min: StoreTime) -> Self {
        Self { lines: Lines::of_cell(cell, &pace.limits), pace, e_min, next: 0, end: pace.calls.len() }
    }

    pub(super) fn at_most(mut self, calls: usize) -> Self {
        self.end = self.end.min(calls);
        self
    }

    /// The tats after what has been yielded so far, in the order of the pace's limits.
    pub(super) fn tats(&self) -> impl Iterator<Item = (&'a LimitId, Tat)> + '_ {
        self.pace.limits.iter().map(|limit| &limit.id).zip(self.lines.tats())
    }

    /// The limits after what has been yielded so far.
    #[must_use]
    pub fn into_lines(self) -> Lines {
        self.lines
    }
}

impl Starts<'_> {
    /// Draws for every call that may start at `last` or before, in order; how many those are.
    pub(super) fn book_until(&mut self, last: StoreTime) -> usize {
        while self.due().is_some_and(|start| start <= last) {
            self.next();
        }
        self.next
    }

    /// When the next call may start.
    fn due(&self) -> Option<StoreTime> {
        let costs = self.pace.calls[..self.end].get(self.next)?;
        Some(self.lines.due(&costs.0, self.e_min))
    }
}

impl Iterator for Starts<'_> {
    type Item = StoreTime;

    fn next(&mut self) -> Option<StoreTime> {
        let start = self.due()?;
        self.lines.draw(&self.pace.calls[self.next].0, start, self.e_min);
        self.next += 1;
        Some(start)
    }
}
