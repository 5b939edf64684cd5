//! Faults of a simulated fleet.

use std::fmt;
use std::time::Duration;

use crate::random::Random;

/// A fault that happens once, at a time of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The store loses its content and stays available.
    Flush,
    /// The store stops and starts again. All connections break, so operations under way fail, and until the store is back
    /// every operation fails at once.
    Restart {
        /// How long the store is away.
        lasts: Duration,
        /// Whether the store keeps its content.
        keeps_state: bool,
    },
    /// The store hangs for this long. Operations that arrive meanwhile are done when it continues, even if their caller
    /// no longer waits.
    FreezeStore(Duration),
    /// The store refuses every operation at once for this long, and loses nothing.
    Down(Duration),
    /// Some workers, chosen at random, cannot reach the store: none of their requests arrives, and no response reaches
    /// them.
    Partial {
        /// How many workers.
        workers: usize,
        /// For how long.
        lasts: Duration,
    },
    /// A worker is stopped and continues later: time passes, but none of its tasks and timers runs. Requests that it has
    /// sent are still processed.
    Freeze {
        /// Number of the worker, from 0.
        worker: usize,
        /// For how long.
        lasts: Duration,
    },
    /// A worker is killed. Requests that it has sent are still processed.
    Kill {
        /// Number of the worker, from 0.
        worker: usize,
    },
    /// The store's clock is set back by this.
    StoreClockBack(Duration),
    /// The store's clock is set ahead by this.
    StoreClockAhead(Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flush => f.write_str("the store loses its content"),
            Self::Restart { lasts, keeps_state: true } => {
                write!(f, "the store restarts within {lasts:?} and keeps its content")
            }
            Self::Restart { lasts, .. } => write!(f, "the store restarts within {lasts:?} and loses its content"),
            Self::FreezeStore(lasts) => write!(f, "the store hangs for {lasts:?}"),
            Self::Down(lasts) => write!(f, "the store refuses operations for {lasts:?}"),
            Self::Partial { workers, lasts } => write!(f, "{workers} workers cannot reach the store for {lasts:?}"),
            Self::Freeze { worker, lasts } => write!(f, "worker {worker} is stopped for {lasts:?}"),
            Self::Kill { worker } => write!(f, "worker {worker} is killed"),
            Self::StoreClockBack(by) => write!(f, "the store's clock is set back by {by:?}"),
            Self::StoreClockAhead(by) => write!(f, "the store's clock is set ahead by {by:?}"),
        }
    }
}

/// Kind of a [`Fault`], for faults that are [drawn from a seed](super::SimFleet::random_faults).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// [`Fault::Flush`].
    Flush,
    /// [`Fault::Restart`] of 10 to 100 ms that keeps the content.
    Restart,
    /// [`Fault::Restart`] of 10 to 100 ms that loses the content.
    RestartEmpty,
    /// [`Fault::FreezeStore`] for 0.3 to 2 s.
    FreezeStore,
    /// [`Fault::Down`] for 0.1 to 2 s.
    Down,
    /// [`Fault::Partial`] of at most all workers but one, for 0.3 to 2 s.
    Partial,
    /// [`Fault::Freeze`] for 10 ms to 2 s.
    Freeze,
    /// [`Fault::Kill`].
    Kill,
    /// [`Fault::StoreClockBack`] by 1 ms to 1 s.
    StoreClockBack,
    /// [`Fault::StoreClockAhead`] by 1 ms to 1 s.
    StoreClockAhead,
}

impl FaultKind {
    /// Draws a fault of this kind, for a fleet of `workers`.
    pub(super) fn draw(self, random: &mut Random, workers: usize) -> Fault {
        let mut millis = |from, to| random.between(&(Duration::from_millis(from)..Duration::from_millis(to)));
        match self {
            Self::Flush => Fault::Flush,
            Self::Restart => Fault::Restart { lasts: millis(10, 100), keeps_state: true },
            Self::RestartEmpty => Fault::Restart { lasts: millis(10, 100), keeps_state: false },
            Self::FreezeStore => Fault::FreezeStore(millis(300, 2_000)),
            Self::Down => Fault::Down(millis(100, 2_000)),
            Self::Partial => {
                let lasts = millis(300, 2_000);
                Fault::Partial { workers: 1 + random.below(workers.saturating_sub(1).max(1)), lasts }
            }
            Self::Freeze => {
                let lasts = millis(10, 2_000);
                Fault::Freeze { worker: random.below(workers), lasts }
            }
            Self::Kill => Fault::Kill { worker: random.below(workers) },
            Self::StoreClockBack => Fault::StoreClockBack(millis(1, 1_000)),
            Self::StoreClockAhead => Fault::StoreClockAhead(millis(1, 1_000)),
        }
    }
}
