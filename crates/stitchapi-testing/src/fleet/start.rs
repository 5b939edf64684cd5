//! Starts, and the log of a run.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stitchapi_core::Tick;

/// The unit of which every start draws one, unless it states another amount.
const CALLS: &str = "calls";

/// A request that a worker handed to the transport.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_testing::Start;
///
/// let start = Start { worker: 0, at: Duration::from_millis(5), units: vec![("tokens", 9)] };
/// assert_eq!((start.drawn("calls"), start.drawn("tokens"), start.drawn("bytes")), (1, 9, 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Number of the worker, from 0.
    pub worker: usize,
    /// Time since the beginning of the run.
    pub at: Duration,
    /// Units that it drew beside one call, or instead of it.
    pub units: Vec<(&'static str, u32)>,
}

impl Start {
    /// Returns how much the start drew of a unit.
    #[must_use]
    pub fn drawn(&self, unit: &str) -> u32 {
        let stated = self.units.iter().find(|(stated, _)| *stated == unit).map(|(_, units)| *units);
        stated.unwrap_or(u32::from(unit == CALLS))
    }
}

/// Log of the starts of a run, written by all workers.
#[derive(Debug)]
pub(super) struct StartLog {
    /// Beginning of the run.
    begun: Tick,
    starts: Mutex<Vec<Start>>,
}

impl StartLog {
    pub(super) fn new(begun: Tick) -> Self {
        Self { begun, starts: Mutex::default() }
    }

    /// Appends a start at `now`, and returns it.
    pub(super) fn append(&self, worker: usize, now: Tick, units: Vec<(&'static str, u32)>) -> Start {
        let start = Start { worker, at: now.since(self.begun), units };
        self.starts.lock().unwrap_or_else(PoisonError::into_inner).push(start.clone());
        start
    }

    /// Removes and returns all starts.
    pub(super) fn take(&self) -> Vec<Start> {
        std::mem::take(&mut self.starts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
