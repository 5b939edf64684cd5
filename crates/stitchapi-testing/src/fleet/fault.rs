//! What goes wrong in a simulated fleet.

use std::fmt;
use std::time::Duration;

use crate::runtime::Random;

/// Something that goes wrong, once, at a time of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The store loses all it has, and goes on.
    Flush,
    /// The store is stopped and started again: connections break, so what is under way is not answered, and until it is
    /// back every operation fails at once.
    Restart {
        /// How long it is away.
        lasts: Duration,
        /// Whether it still has what it had.
        keeps_state: bool,
    },
    /// The store hangs. What has come to it meanwhile is done when it goes on, whether or not anybody still waits for it.
    FreezeStore(Duration),
    /// The store refuses every operation at once, and loses nothing.
    Down(Duration),
    /// Some workers, chosen at random, are cut off from the store: nothing they send arrives and no answer reaches them.
    Partial {
        /// How many.
        workers: usize,
        /// For how long.
        lasts: Duration,
    },
    /// A worker is stopped and goes on later: time passes, but none of its tasks and timers runs. What it has sent goes on.
    Freeze {
        /// Which, from 0.
        worker: usize,
        /// For how long.
        lasts: Duration,
    },
    /// A worker is killed. What it has sent goes on.
    Kill {
        /// Which, from 0.
        worker: usize,
    },
    /// The store's clock is set back.
    StoreClockBack(Duration),
    /// The store's clock is set ahead.
    StoreClockAhead(Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flush => f.write_str("the store is flushed"),
            Self::Restart { lasts, keeps_state: true } => write!(f, "the store restarts for {lasts:?} with its state"),
            Self::Restart { lasts, .. } => write!(f, "the store restarts for {lasts:?} without its state"),
            Self::FreezeStore(lasts) => write!(f, "the store hangs for {lasts:?}"),
            Self::Down(lasts) => write!(f, "the store refuses for {lasts:?}"),
            Self::Partial { workers, lasts } => write!(f, "{workers} workers are cut off for {lasts:?}"),
            Self::Freeze { worker, lasts } => write!(f, "worker {worker} is stopped for {lasts:?}"),
            Self::Kill { worker } => write!(f, "worker {worker} is killed"),
            Self::StoreClockBack(by) => write!(f, "the store's clock goes back by {by:?}"),
            Self::StoreClockAhead(by) => write!(f, "the store's clock goes ahead by {by:?}"),
        }
    }
}

/// A sort of [`Fault`], to be [drawn](super::SimFleet::draw_faults) from a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// [`Fault::Flush`].
    Flush,
    /// [`Fault::Restart`] of 10 to 100 ms that keeps its state.
    Restart,
    /// [`Fault::Restart`] of 10 to 100 ms that loses it.
    RestartEmpty,
    /// [`Fault::FreezeStore`] for 0.3 to 2 s.
    FreezeStore,
    /// [`Fault::Down`] for 0.1 to 2 s.
    Down,
    /// [`Fault::Partial`] of all but one worker at most, for 0.3 to 2 s.
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
    /// One of this sort, in a fleet of so many workers.
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
