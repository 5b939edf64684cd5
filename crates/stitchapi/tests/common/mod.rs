//! A seam in virtual time with an API inside the test.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

pub mod busy;
pub mod process;
pub mod spy;

use std::sync::{Arc, Mutex};

use stitchapi::trace::{Event, EventKind, sink_fn};
use stitchapi::{Seam, SeamBuilder};
use stitchapi_testing::{MockTransport, SimRuntime};

/// A seam builder on `sim` that calls `api`.
pub fn seam(sim: &SimRuntime, api: &MockTransport) -> SeamBuilder {
    Seam::builder("https://api.example.com/v1").runtime(sim.clone()).transport(api.clone())
}

/// A sink and what it has taken.
pub fn events() -> (impl stitchapi::trace::TraceSink, Arc<Mutex<Vec<Event>>>) {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let sink = sink_fn({
        let taken = taken.clone();
        move |event: &Event| taken.lock().unwrap().push(event.clone())
    });
    (sink, taken)
}

/// When requests were handed to the transport, in microseconds.
pub fn starts(events: &Mutex<Vec<Event>>) -> Vec<u64> {
    let events = events.lock().unwrap();
    events.iter().filter(|event| matches!(event.kind, EventKind::Request { .. })).map(|event| event.at.0).collect()
}
