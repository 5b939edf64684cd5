//! The arithmetic of starts.

use super::gcra::GcraSet;
use super::{Cell, LimitId, ReserveRequest, Tat};
use crate::StoreTime;

/// The starts of the calls of a [`ReserveRequest`], one after the other, as a cell gives them.
///
/// It yields a start for every call, however far ahead.
#[derive(Debug)]
pub struct StartTimes<'a> {
    gcra: GcraSet,
    request: &'a ReserveRequest,
    e_min: StoreTime,
    next: usize,
    end: usize,
}

impl<'a> StartTimes<'a> {
    /// `cell` must have every limit of `request`: it has been [repaired](super::transition::reserve).
    pub(super) fn new(cell: &Cell, request: &'a ReserveRequest, e_min: StoreTime) -> Self {
        Self { gcra: GcraSet::of_cell(cell, &request.limits), request, e_min, next: 0, end: request.calls.len() }
    }

    pub(super) fn at_most(mut self, calls: usize) -> Self {
        self.end = self.end.min(calls);
        self
    }

    /// The tats after what has been yielded so far, in the order of the request's limits.
    pub(super) fn tats(&self) -> impl Iterator<Item = (&'a LimitId, Tat)> + '_ {
        self.request.limits.iter().map(|limit| &limit.id).zip(self.gcra.tats())
    }

    /// The limits after what has been yielded so far.
    #[must_use]
    pub fn into_gcra(self) -> GcraSet {
        self.gcra
    }
}

impl StartTimes<'_> {
    /// Draws for every call that may start at `last` or before, in order; how many those are.
    pub(super) fn book_until(&mut self, last: StoreTime) -> usize {
        while self.due().is_some_and(|start| start <= last) {
            self.next();
        }
        self.next
    }

    /// When the next call may start.
    fn due(&self) -> Option<StoreTime> {
        let costs = self.request.calls[..self.end].get(self.next)?;
        Some(self.gcra.due(&costs.0, self.e_min))
    }
}

impl Iterator for StartTimes<'_> {
    type Item = StoreTime;

    fn next(&mut self) -> Option<StoreTime> {
        let start = self.due()?;
        self.gcra.draw(&self.request.calls[self.next].0, start, self.e_min);
        self.next += 1;
        Some(start)
    }
}
