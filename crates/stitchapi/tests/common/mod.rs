//! Helpers of the integration tests: a seam in virtual time whose API is inside the test, and recorded events.

#![allow(dead_code, unreachable_pub, reason = "each test file uses only some of the helpers")]

pub mod circuit;
pub mod counting_store;
pub mod separate_calls;
pub mod sim_process;
pub mod slow_api;
pub mod spy_store;
pub mod test_login;

use std::sync::{Arc, Mutex};

use stitchapi::trace::{Event, EventKind, sink_fn};
use stitchapi::{Seam, SeamBuilder};
use stitchapi_testing::{MockTransport, SimRuntime};

/// Returns the builder of a seam that runs on `sim` and calls `api`.
pub fn seam(sim: &SimRuntime, api: &MockTransport) -> SeamBuilder {
    Seam::builder("https://api.example.com/v1").runtime(sim.clone()).transport(api.clone())
}

/// Returns a sink, and the list in which it records every event.
pub fn recording_sink() -> (impl stitchapi::trace::TraceSink, Arc<Mutex<Vec<Event>>>) {
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let sink = sink_fn({
        let recorded = recorded.clone();
        move |event: &Event| recorded.lock().unwrap().push(event.clone())
    });
    (sink, recorded)
}

/// Returns the times at which requests were handed to the transport, in microseconds.
pub fn starts(events: &Mutex<Vec<Event>>) -> Vec<u64> {
    let events = events.lock().unwrap();
    events.iter().filter(|event| matches!(event.kind, EventKind::Request { .. })).map(|event| event.at.0).collect()
}
