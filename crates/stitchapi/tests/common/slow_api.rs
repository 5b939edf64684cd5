//! An API whose responses take time, and which counts the calls in flight.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use stitchapi::{Runtime as _, Tick, Transport, TransportError};
use stitchapi_core::{Body, async_trait};
use stitchapi_testing::SimRuntime;

/// Transport that responds after a delay in virtual time and records the number of calls in flight.
#[derive(Debug, Clone)]
pub struct SlowApi {
    sim: SimRuntime,
    max_delay: Duration,
    is_random: bool,
    status: u16,
    record: Arc<Mutex<Record>>,
}

#[derive(Debug)]
struct Record {
    in_flight: usize,
    max_in_flight: usize,
    starts: Vec<Tick>,
    paths: Vec<String>,
    /// Time of all calls together, up to `updated_at`.
    total_time: Duration,
    updated_at: Tick,
}

impl SlowApi {
    /// Creates an API that responds with status 200 after a random delay of less than `max_delay`.
    pub fn with_random_delay(sim: &SimRuntime, max_delay: Duration) -> Self {
        let record = Record {
            in_flight: 0,
            max_in_flight: 0,
            starts: vec![],
            paths: vec![],
            total_time: Duration::ZERO,
            updated_at: sim.now(),
        };
        Self { sim: sim.clone(), max_delay, is_random: true, status: 200, record: Arc::new(Mutex::new(record)) }
    }

    /// Creates an API that responds with status 200 after exactly `delay`.
    pub fn with_delay(sim: &SimRuntime, delay: Duration) -> Self {
        Self { is_random: false, ..Self::with_random_delay(sim, delay) }
    }

    /// Sets the status of every response.
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Returns the number of calls in flight.
    pub fn in_flight(&self) -> usize {
        self.record.lock().unwrap().in_flight
    }

    /// Returns the maximum number of calls that were in flight at once.
    pub fn max_in_flight(&self) -> usize {
        self.record.lock().unwrap().max_in_flight
    }

    /// Resets the maximum to the number of calls in flight now.
    pub fn reset_max_in_flight(&self) {
        let mut record = self.record.lock().unwrap();
        record.max_in_flight = record.in_flight;
    }

    /// Returns the arrival times of all calls, in milliseconds since `begun`.
    pub fn starts_ms(&self, begun: Tick) -> Vec<u128> {
        self.record.lock().unwrap().starts.iter().map(|at| at.since(begun).as_millis()).collect()
    }

    /// Returns the paths of all calls, in the order of arrival.
    pub fn paths(&self) -> Vec<String> {
        self.record.lock().unwrap().paths.clone()
    }

    /// Returns the sum of the durations of all calls so far.
    pub fn total_time(&self) -> Duration {
        self.record.lock().unwrap().total_time
    }

    fn change_in_flight(&self, by: isize) {
        let now = self.sim.now();
        let mut record = self.record.lock().unwrap();
        let record = &mut *record;
        record.total_time += now.since(record.updated_at) * u32::try_from(record.in_flight).unwrap();
        record.updated_at = now;
        record.in_flight = record.in_flight.checked_add_signed(by).unwrap();
        record.max_in_flight = record.max_in_flight.max(record.in_flight);
    }
}

#[async_trait]
impl Transport for SlowApi {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, TransportError> {
        let in_flight = InFlight::new(self);
        {
            let mut record = self.record.lock().unwrap();
            record.starts.push(self.sim.now());
            record.paths.push(request.uri().path().to_owned());
        }
        let micros = u64::try_from(self.max_delay.as_micros()).unwrap();
        let micros = if self.is_random { self.sim.random() % micros } else { micros };
        self.sim.sleep(Duration::from_micros(micros)).await;
        drop(in_flight);
        Ok(http::Response::builder().status(self.status).body(Body::default()).unwrap())
    }
}

/// Guard of one call in flight. A dropped call is no longer counted.
struct InFlight(SlowApi);

impl InFlight {
    fn new(api: &SlowApi) -> Self {
        api.change_in_flight(1);
        Self(api.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.change_in_flight(-1);
    }
}
