//! The record of a run: every start, call and event of a fleet, and the assertions that all tests share.

use crate::clock::SECOND;
use crate::machine::Machine;
use crate::promise::Promise;
use crate::usage::Usage;
use crate::windows::{Start, fullest_windows};

/// A call that has ended.
#[derive(Debug, Clone)]
pub struct Call {
    /// Index of the worker.
    pub worker: usize,
    /// Begin of the call on the boot clock in microseconds.
    pub asked: u64,
    /// End of the call.
    pub over: u64,
    /// `ok`, the kind of the error, the status of a response, or `dropped`.
    pub outcome: String,
}

/// An event of the throttle of a worker, other than a start.
#[derive(Debug, Clone)]
pub struct Event {
    /// Index of the worker.
    pub worker: usize,
    /// Time on the boot clock in microseconds.
    pub at: u64,
    /// The event in one line.
    pub text: String,
}

/// Clock readings of a worker at its start, beside those of the test.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    /// Index of the worker.
    pub worker: usize,
    /// Boot clock of the worker, and that of the test when the line arrived.
    pub boot: (u64, u64),
    /// Wall clock of the worker, and that of the test when the line arrived.
    pub wall: (u64, u64),
}

/// Everything that a fleet printed in a run.
#[derive(Debug)]
pub struct Record {
    /// Number of workers.
    pub workers: usize,
    /// Promise that the starts are compared with.
    pub promise: Promise,
    /// Begin of the run on the boot clock in microseconds.
    pub begins: u64,
    /// End of the run.
    pub ends: u64,
    /// Starts in order.
    pub starts: Vec<Start>,
    /// Calls in the order of their ends.
    pub calls: Vec<Call>,
    /// Other events in order.
    pub events: Vec<Event>,
    /// Clock readings of the workers.
    pub clocks: Vec<Clocks>,
    /// How well the machine kept time during the run.
    pub machine: Machine,
}

impl Record {
    /// Creates the empty record of a run of this duration.
    pub(crate) fn new(workers: usize, promise: Promise, begins: u64, seconds: f64) -> Self {
        let (starts, calls, events, clocks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let ends = begins + micros(seconds);
        Self { workers, promise, begins, ends, starts, calls, events, clocks, machine: Machine::default() }
    }

    /// Asserts that no window held more starts than are promised.
    ///
    /// # Panics
    ///
    /// If a window did.
    pub fn assert_exact(&self) {
        let windows = fullest_windows(&self.starts, &self.promise);
        let texts: Vec<String> = windows.iter().map(ToString::to_string).collect();
        println!("    {} starts; fullest windows: {}", self.starts.len(), texts.join(", "));
        for window in &windows {
            if !window.is_within_bound() {
                self.print_events(
                    window.from.saturating_sub(SECOND),
                    window.from + 2 * window.bound.window.min(SECOND),
                );
            }
            let from = self.seconds(window.from);
            assert!(window.is_within_bound(), "more than promised: {window}, from {from:.3} s after the begin on");
        }
    }

    /// Returns the use of the budget between two times in seconds after the begin, and prints it.
    #[must_use]
    pub fn usage(&self, from: f64, to: f64) -> Usage {
        let usage = Usage::of(&self.starts, &self.promise, self.workers, self.tick(from), self.tick(to));
        println!("    from {from} s to {to} s: {usage}");
        usage
    }

    /// Returns the use of the budget after the first second.
    #[must_use]
    pub fn usage_after_the_first_second(&self) -> Usage {
        self.usage(1.0, self.seconds(self.ends))
    }

    /// Converts seconds after the begin into a reading of the boot clock in microseconds.
    #[must_use]
    pub fn tick(&self, seconds: f64) -> u64 {
        self.begins + micros(seconds)
    }

    /// Converts a reading of the boot clock in microseconds into seconds after the begin.
    #[must_use]
    pub fn seconds(&self, tick: u64) -> f64 {
        (tick as f64 - self.begins as f64) / SECOND as f64
    }

    /// Returns the starts between two readings of the clock.
    pub fn starts_between(&self, from: u64, to: u64) -> impl Iterator<Item = &Start> {
        self.starts.iter().filter(move |start| (from..to).contains(&start.at))
    }

    /// Returns the starts of one worker between two readings of the clock.
    pub fn starts_of(&self, worker: usize, from: u64, to: u64) -> impl Iterator<Item = &Start> {
        self.starts_between(from, to).filter(move |start| start.worker == worker)
    }

    /// Returns the calls with this outcome.
    pub fn outcomes(&self, outcome: &str) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| call.outcome == outcome)
    }

    /// Returns the successful calls between two times in seconds after the begin, as a share of the starts that the pacing limit
    /// allows, and prints it. Each call must cost one unit.
    #[must_use]
    pub fn goodput(&self, from: f64, to: f64) -> f64 {
        let (from, to) = (self.tick(from), self.tick(to));
        let successes = self.outcomes("ok").filter(|call| (from..to).contains(&call.over)).count();
        let goodput = successes as f64 / self.promise.budget(to - from);
        println!("    goodput {goodput:.4}");
        goodput
    }

    /// Returns the events whose text begins with this prefix.
    pub fn events_of(&self, prefix: &str) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.text.starts_with(prefix))
    }

    /// Prints the events between two readings of the clock.
    pub fn print_events(&self, from: u64, to: u64) {
        for event in self.events.iter().filter(|event| (from..to).contains(&event.at)) {
            println!("    {:9.3} s  worker {}  {}", self.seconds(event.at), event.worker, event.text);
        }
    }

    pub(crate) fn sort(&mut self) {
        self.starts.sort_unstable();
        self.calls.sort_by_key(|call| call.over);
        self.events.sort_by_key(|event| event.at);
    }
}

/// Converts seconds into microseconds.
fn micros(seconds: f64) -> u64 {
    (seconds * SECOND as f64) as u64
}
