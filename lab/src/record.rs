//! What a fleet did.

use stitchapi::Tick;

use crate::judge::{Start, Use, budget_use, worst_windows};
use crate::promise::Promise;

const SECOND: u64 = 1_000_000;

/// One call that is over.
#[derive(Debug, Clone)]
pub struct Call {
    /// Of which worker.
    pub worker: usize,
    /// When it was made, in microseconds of the boot clock.
    pub asked: u64,
    /// When it was over.
    pub over: u64,
    /// `ok`, the kind of its error, the status of an answer, or `dropped`.
    pub outcome: String,
}

/// Something else that happened in the throttle of a worker.
#[derive(Debug, Clone)]
pub struct Event {
    /// Of which worker.
    pub worker: usize,
    /// When, in microseconds of the boot clock.
    pub at: u64,
    /// What.
    pub what: String,
}

/// What the clocks of a worker read when it came up, beside those of the test.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    /// Of which worker.
    pub worker: usize,
    /// Its boot clock, and ours when we heard of it.
    pub boot: (u64, u64),
    /// Its wall clock, and ours when we heard of it.
    pub wall: (u64, u64),
}

/// What a fleet did.
#[derive(Debug)]
pub struct Record {
    /// How many workers it had.
    pub workers: usize,
    /// What it was promised to keep to.
    pub promise: Promise,
    /// When the work began and ended, in microseconds of the boot clock.
    pub begins: u64,
    /// See [`begins`](Self::begins).
    pub ends: u64,
    /// Its starts, in order.
    pub starts: Vec<Start>,
    /// Its calls, by their ends.
    pub calls: Vec<Call>,
    /// Everything else, in order.
    pub events: Vec<Event>,
    /// What the workers' clocks read.
    pub clocks: Vec<Clocks>,
}

impl Record {
    /// Asserts that no window held more than is promised.
    ///
    /// # Panics
    ///
    /// If one did.
    pub fn assert_exact(&self) {
        let worst = worst_windows(&self.starts, &self.promise);
        let told: Vec<String> = worst.iter().map(ToString::to_string).collect();
        println!("    {} starts; at most {}", self.starts.len(), told.join(", "));
        for worst in &worst {
            if !worst.is_kept() {
                self.tell_events(worst.from.saturating_sub(SECOND), worst.from + 2 * worst.bound.window.min(SECOND));
            }
            assert!(worst.is_kept(), "more than promised: {worst}, {:.3} s after the begin", self.seconds(worst.from));
        }
    }

    /// How the budget was used between these seconds after the begin.
    #[must_use]
    pub fn used(&self, from: f64, to: f64) -> Use {
        let used = budget_use(&self.starts, &self.promise, self.workers, self.tick(from), self.tick(to));
        println!("    from {from} s to {to} s: {used}");
        used
    }

    /// How the budget was used, but for the first second.
    #[must_use]
    pub fn used_after_the_first_second(&self) -> Use {
        self.used(1.0, self.seconds(self.ends))
    }

    /// So many seconds after the begin, on the boot clock.
    #[must_use]
    pub fn tick(&self, seconds: f64) -> u64 {
        self.begins + (seconds * 1_000_000.0) as u64
    }

    /// A tick, in seconds after the begin.
    #[must_use]
    pub fn seconds(&self, tick: u64) -> f64 {
        (tick as f64 - self.begins as f64) / 1_000_000.0
    }

    /// The starts of these workers in this time.
    pub fn starts_of(&self, workers: &[usize], from: u64, to: u64) -> impl Iterator<Item = &Start> {
        self.starts.iter().filter(move |start| workers.contains(&start.worker) && (from..to).contains(&start.at))
    }

    /// How many calls had this outcome.
    #[must_use]
    pub fn outcomes(&self, outcome: &str) -> usize {
        self.calls.iter().filter(|call| call.outcome == outcome).count()
    }

    /// The events whose text begins like this.
    pub fn events_of(&self, what: &str) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.what.starts_with(what))
    }

    /// Prints the events of this time, for whom they explain something.
    pub fn tell_events(&self, from: u64, to: u64) {
        for event in self.events.iter().filter(|event| (from..to).contains(&event.at)) {
            println!("    {:9.3} s  worker {}  {}", self.seconds(event.at), event.worker, event.what);
        }
    }

    pub(crate) fn sort(&mut self) {
        self.starts.sort_unstable();
        self.calls.sort_by_key(|call| call.over);
        self.events.sort_by_key(|event| event.at);
    }
}

/// The boot clock, in microseconds.
#[must_use]
pub fn now() -> u64 {
    Tick::of_boot_clock().0
}
