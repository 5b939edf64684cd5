//! What a fleet did.

use crate::clock::SECOND;
use crate::judge::{Start, worst_windows};
use crate::machine::Machine;
use crate::promise::Promise;
use crate::usage::Usage;

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
    /// How well the machine kept time meanwhile.
    pub machine: Machine,
}

impl Record {
    /// The record of a fleet that works for so many seconds; nothing has happened yet.
    pub(crate) fn new(workers: usize, promise: Promise, begins: u64, seconds: f64) -> Self {
        let (starts, calls, events, clocks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let ends = begins + micros(seconds);
        Self { workers, promise, begins, ends, starts, calls, events, clocks, machine: Machine::default() }
    }

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
    pub fn used(&self, from: f64, to: f64) -> Usage {
        let used = Usage::of(&self.starts, &self.promise, self.workers, self.tick(from), self.tick(to));
        println!("    from {from} s to {to} s: {used}");
        used
    }

    /// How the budget was used, but for the first second.
    #[must_use]
    pub fn used_after_the_first_second(&self) -> Usage {
        self.used(1.0, self.seconds(self.ends))
    }

    /// So many seconds after the begin, on the boot clock.
    #[must_use]
    pub fn tick(&self, seconds: f64) -> u64 {
        self.begins + micros(seconds)
    }

    /// A tick, in seconds after the begin.
    #[must_use]
    pub fn seconds(&self, tick: u64) -> f64 {
        (tick as f64 - self.begins as f64) / SECOND as f64
    }

    /// The starts in this time.
    pub fn starts_between(&self, from: u64, to: u64) -> impl Iterator<Item = &Start> {
        self.starts.iter().filter(move |start| (from..to).contains(&start.at))
    }

    /// The starts of one worker in this time.
    pub fn starts_of(&self, worker: usize, from: u64, to: u64) -> impl Iterator<Item = &Start> {
        self.starts_between(from, to).filter(move |start| start.worker == worker)
    }

    /// The calls that had this outcome.
    pub fn outcomes(&self, outcome: &str) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| call.outcome == outcome)
    }

    /// The calls that went well between these seconds after the begin, of those that the pacing limit lets through; for
    /// calls that cost one unit.
    #[must_use]
    pub fn goodput(&self, from: f64, to: f64) -> f64 {
        let (from, to) = (self.tick(from), self.tick(to));
        let well = self.outcomes("ok").filter(|call| (from..to).contains(&call.over)).count();
        let goodput = well as f64 / self.promise.budget(to - from);
        println!("    goodput {goodput:.4}");
        goodput
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

/// Of the seconds in which tests say when something happens.
fn micros(seconds: f64) -> u64 {
    (seconds * SECOND as f64) as u64
}
