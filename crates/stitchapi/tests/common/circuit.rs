//! Helpers of the circuit breaker tests: an API with a settable status, and processes with a circuit.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use stitchapi::trace::{Event, EventKind};
use stitchapi::{
    Circuit, Error, ErrorKind, MemoryStore, Result, Retry, Seam, SeamBuilder, Stitch, StitchStore, decode,
};
use stitchapi_testing::{MockTransport, SimRuntime};

use super::sim_process::SimProcess;
use super::{recording_sink, seam};

pub const SECOND: Duration = Duration::from_secs(1);
/// Default time for which a circuit stays open.
pub const OPEN_FOR: Duration = Duration::from_secs(30);

/// API whose responses have the status that was set last.
#[derive(Clone)]
pub struct StatusApi {
    status: Arc<AtomicU16>,
    pub transport: MockTransport,
}

impl StatusApi {
    /// Creates an API that responds with `status` at once.
    pub fn new(status: u16) -> Self {
        let status = Arc::new(AtomicU16::new(status));
        let transport = MockTransport::new({
            let status = status.clone();
            move |_| http::Response::builder().status(status.load(Ordering::Relaxed)).body(Bytes::new()).unwrap()
        });
        Self { status, transport }
    }

    /// Delays each response. Its status is decided when the request arrives.
    pub fn latency(mut self, delay: Duration, sim: &SimRuntime) -> Self {
        self.transport = self.transport.latency(delay, Arc::new(sim.clone()));
        self
    }

    /// Sets the status of further responses.
    pub fn respond_with(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// Returns the number of requests so far.
    pub fn requests(&self) -> usize {
        self.transport.requests().len()
    }
}

/// Returns the builder of a seam without retries.
pub fn seam_without_retries(sim: &SimRuntime, api: &StatusApi) -> SeamBuilder {
    seam(sim, &api.transport).retry(Retry::none())
}

/// Declares a stitch.
pub fn get(seam: &Seam, path: &str) -> Stitch<(), ()> {
    seam.get(path).build_with(decode::empty).unwrap()
}

/// Makes `number` calls, one after the other, and returns their results.
pub async fn calls(stitch: &Stitch<(), ()>, number: usize) -> Vec<Result<(), ErrorKind>> {
    let mut results = Vec::new();
    for _ in 0..number {
        results.push(stitch.call(()).await.map_err(|error| error.kind()));
    }
    results
}

/// Makes a call that must fail and returns its error.
pub async fn fail(stitch: &Stitch<(), ()>) -> Error {
    stitch.call(()).await.unwrap_err()
}

/// Calls until the process sees the open circuit.
///
/// # Panics
///
/// The circuit is not open within a second.
pub async fn wait_until_open(sim: &SimRuntime, stitch: &Stitch<(), ()>) {
    for _ in 0..20 {
        if calls(stitch, 1).await == [Err(ErrorKind::CircuitOpen)] {
            return;
        }
        sim.sleep(SECOND / 20).await;
    }
    panic!("the circuit is not open after a second");
}

/// Returns an empty store on the clock of `sim`.
pub fn store(sim: &SimRuntime) -> MemoryStore {
    MemoryStore::with_clock_of(Arc::new(sim.clone()))
}

/// Returns the stitch `/a` of one process, whose circuit opens after one failure, and the recorded events.
pub fn recorded_worker(
    sim: &SimRuntime,
    api: &StatusApi,
    process: &SimProcess,
    store: &(impl StitchStore + Clone),
) -> (Stitch<(), ()>, Arc<Mutex<Vec<Event>>>) {
    let (sink, recorded) = recording_sink();
    let builder = seam_without_retries(sim, api).runtime(process.clone()).store(store.clone());
    let seam = builder.circuit(Circuit::after(1)).sink(sink).build().unwrap();
    (get(&seam, "/a"), recorded)
}

/// Returns the stitch of [`recorded_worker`].
pub fn worker(
    sim: &SimRuntime,
    api: &StatusApi,
    process: &SimProcess,
    store: &(impl StitchStore + Clone),
) -> Stitch<(), ()> {
    recorded_worker(sim, api, process, store).0
}

/// Returns the names of the recorded changes of a circuit, in order.
pub fn state_changes(recorded: &Mutex<Vec<Event>>) -> Vec<&'static str> {
    let name = |event: &Event| match event.kind {
        EventKind::CircuitOpened { elsewhere: false, .. } => Some("opened"),
        EventKind::CircuitOpened { .. } => Some("opened by another process"),
        EventKind::CircuitHalfOpen { .. } => Some("half open"),
        EventKind::CircuitClosed { elsewhere: false, .. } => Some("closed"),
        EventKind::CircuitClosed { .. } => Some("closed by another process"),
        _ => None,
    };
    recorded.lock().unwrap().iter().filter_map(name).collect()
}
