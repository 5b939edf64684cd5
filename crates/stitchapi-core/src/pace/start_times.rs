//! The start times of the calls of a request, computed from a cell (the state of one bucket).

use super::cell::Cell;
use super::gcra_set::GcraSet;
use super::limit::LimitId;
use super::request::ReserveRequest;
use super::tat::Tat;
use crate::StoreTime;

/// Iterator over the start times of the calls of a [`ReserveRequest`], in the order of the calls.
///
/// [`Reservation::starts`](super::Reservation::starts) creates it, and ends it after the calls that were booked.
#[derive(Debug)]
pub struct StartTimes<'a> {
    limits: GcraSet,
    request: &'a ReserveRequest,
    e_min: StoreTime,
    /// Index of the next call.
    next: usize,
    /// Index after the last call.
    end: usize,
}

impl<'a> StartTimes<'a> {
    /// Creates the start times of all calls of `request` in `cell`, including those beyond the horizon of the request.
    ///
    /// If `cell` lacks a limit of `request`, that limit restricts no start. A repaired cell has every limit. Only the
    /// cell of a reservation for an expired request, or for a process that must continue alone, can lack one.
    pub(super) fn new(cell: &Cell, request: &'a ReserveRequest, e_min: StoreTime) -> Self {
        let limits = GcraSet::of_cell(cell, &request.limits);
        Self { limits, request, e_min, next: 0, end: request.calls.len() }
    }

    /// Ends the iterator after `calls` calls.
    pub(super) fn take_calls(mut self, calls: usize) -> Self {
        self.end = self.end.min(calls);
        self
    }

    /// Returns the tats after the calls that the iterator has yielded, in the order of the request's limits.
    pub(super) fn tats(&self) -> impl Iterator<Item = (&'a LimitId, Tat)> + '_ {
        self.request.limits.iter().map(|limit| &limit.id).zip(self.limits.tats())
    }

    /// Returns the state of the limits after the calls that the iterator has yielded.
    #[must_use]
    pub fn into_gcra(self) -> GcraSet {
        self.limits
    }
}

impl StartTimes<'_> {
    /// Books the calls in order, up to the first one that can only start after `last`. Returns the number of booked
    /// calls.
    pub(super) fn book_until(&mut self, last: StoreTime) -> usize {
        while self.peek().is_some_and(|start| start <= last) {
            self.next();
        }
        self.next
    }

    /// Returns the start of the next call without booking it.
    fn peek(&self) -> Option<StoreTime> {
        let costs = self.request.calls[..self.end].get(self.next)?;
        Some(self.limits.due(&costs.0, self.e_min))
    }
}

impl Iterator for StartTimes<'_> {
    type Item = StoreTime;

    fn next(&mut self) -> Option<StoreTime> {
        let start = self.peek()?;
        self.limits.draw(&self.request.calls[self.next].0, start, self.e_min);
        self.next += 1;
        Some(start)
    }
}
