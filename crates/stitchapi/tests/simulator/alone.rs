//! Who was without its store for so long that it may have paced alone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use stitchapi::trace::{Event, EventKind};

/// Nobody paces alone earlier than this after its outage began: it waits for a second from when it had asked, and has
/// waited for an answer for a quarter.
const EARLIEST: Duration = Duration::from_millis(750);

/// The workers of one run, by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alone(Arc<Mutex<Vec<State>>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Together,
    /// In an outage that has not ended yet.
    Perhaps,
    Alone,
}

impl Alone {
    pub(crate) fn sees(&self, worker: usize, event: &Event) {
        let mut workers = self.0.lock().unwrap();
        if workers.len() <= worker {
            workers.resize(worker + 1, State::Together);
        }
        match &event.kind {
            EventKind::OutageBegan { .. } if workers[worker] == State::Together => workers[worker] = State::Perhaps,
            EventKind::OutageEnded { lasted } if workers[worker] == State::Perhaps => {
                workers[worker] = if *lasted >= EARLIEST { State::Alone } else { State::Together };
            }
            _ => {}
        }
    }

    /// How many they were.
    pub(crate) fn workers(&self) -> u32 {
        self.0.lock().unwrap().iter().filter(|state| **state != State::Together).count() as u32
    }
}
