//! Tracks which workers were in an outage long enough to pace alone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use stitchapi::trace::{Event, EventKind};

/// Shortest outage after which a worker may have paced alone. Local pacing begins one second after the failed request was
/// sent, and the request times out after a quarter of a second.
const MIN_OUTAGE: Duration = Duration::from_millis(750);

/// State of each worker of one run, indexed by its number.
#[derive(Debug, Clone, Default)]
pub(crate) struct OutageTracker(Arc<Mutex<Vec<State>>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The worker has always paced through the store.
    Connected,
    /// The worker is in an outage that has not ended yet.
    InOutage,
    /// The worker was in an outage of at least [`MIN_OUTAGE`].
    PacedAlone,
}

impl OutageTracker {
    /// Updates the state of a worker from one of its events.
    pub(crate) fn observe(&self, worker: usize, event: &Event) {
        let mut workers = self.0.lock().unwrap();
        if workers.len() <= worker {
            workers.resize(worker + 1, State::Connected);
        }
        match &event.kind {
            EventKind::OutageBegan { .. } if workers[worker] == State::Connected => workers[worker] = State::InOutage,
            EventKind::OutageEnded { lasted } if workers[worker] == State::InOutage => {
                workers[worker] = if *lasted >= MIN_OUTAGE { State::PacedAlone } else { State::Connected };
            }
            _ => {}
        }
    }

    /// Returns the number of workers that may have paced alone: their outage was long enough, or has not ended.
    pub(crate) fn paced_alone(&self) -> u32 {
        self.0.lock().unwrap().iter().filter(|state| **state != State::Connected).count() as u32
    }
}
