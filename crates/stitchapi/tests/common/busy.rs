//! An API that knows how many calls are under way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use stitchapi::{Runtime as _, Tick, Transport, TransportError};
use stitchapi_core::{Body, async_trait};
use stitchapi_testing::SimRuntime;

/// Each answer takes between nothing and `longest`, or always that.
#[derive(Debug, Clone)]
pub struct Busy {
    sim: SimRuntime,
    longest: Duration,
    is_random: bool,
    status: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug)]
struct Seen {
    under_way: usize,
    most: usize,
    starts: Vec<Tick>,
    paths: Vec<String>,
    /// How many were under way, times how long, until when.
    used: Duration,
    until: Tick,
}

impl Busy {
    pub fn up_to(sim: &SimRuntime, longest: Duration) -> Self {
        let seen =
            Seen { under_way: 0, most: 0, starts: vec![], paths: vec![], used: Duration::ZERO, until: sim.now() };
        Self { sim: sim.clone(), longest, is_random: true, status: 200, seen: Arc::new(Mutex::new(seen)) }
    }

    pub fn always(sim: &SimRuntime, duration: Duration) -> Self {
        Self { is_random: false, ..Self::up_to(sim, duration) }
    }

    /// Answers with this status.
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// How many calls are under way.
    pub fn under_way(&self) -> usize {
        self.seen.lock().unwrap().under_way
    }

    /// How many were under way at once, at most.
    pub fn most(&self) -> usize {
        self.seen.lock().unwrap().most
    }

    /// Forgets how many were under way at once.
    pub fn forget(&self) {
        let mut seen = self.seen.lock().unwrap();
        seen.most = seen.under_way;
    }

    /// When calls came, in milliseconds since `begun`.
    pub fn starts(&self, begun: Tick) -> Vec<u128> {
        self.seen.lock().unwrap().starts.iter().map(|at| at.since(begun).as_millis()).collect()
    }

    /// What calls came for.
    pub fn paths(&self) -> Vec<String> {
        self.seen.lock().unwrap().paths.clone()
    }

    /// The time that all calls took together.
    pub fn used(&self) -> Duration {
        self.seen.lock().unwrap().used
    }

    fn change(&self, by: isize) {
        let now = self.sim.now();
        let mut seen = self.seen.lock().unwrap();
        let seen = &mut *seen;
        seen.used += now.since(seen.until) * u32::try_from(seen.under_way).unwrap();
        seen.until = now;
        seen.under_way = seen.under_way.checked_add_signed(by).unwrap();
        seen.most = seen.most.max(seen.under_way);
    }
}

#[async_trait]
impl Transport for Busy {
    async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, TransportError> {
        let under_way = UnderWay::new(self);
        {
            let mut seen = self.seen.lock().unwrap();
            seen.starts.push(self.sim.now());
            seen.paths.push(request.uri().path().to_owned());
        }
        let micros = u64::try_from(self.longest.as_micros()).unwrap();
        let micros = if self.is_random { self.sim.random() % micros } else { micros };
        self.sim.sleep(Duration::from_micros(micros)).await;
        drop(under_way);
        Ok(http::Response::builder().status(self.status).body(Body::default()).unwrap())
    }
}

struct UnderWay(Busy);

impl UnderWay {
    fn new(busy: &Busy) -> Self {
        busy.change(1);
        Self(busy.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.change(-1);
    }
}
