//! The API that a simulated fleet calls.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use stitchapi_core::{Body, Runtime as _, Transport, TransportError, async_trait};

use super::start::{Start, StartLog};
use super::worker_runtime::WorkerRuntime;
use crate::random::Random;

/// [`Transport`] that logs when each request is handed to it, and by which worker.
///
/// * The response is empty with status 200, after 0.5 to 3 ms, unless the setters state another one.
/// * Each request draws one call, unless [`costing`](Self::costing) states its units.
///
/// ```
/// use std::time::Duration;
///
/// use http::{Request, Response};
/// use stitchapi_core::{Body, Transport as _};
/// use stitchapi_testing::SimFleet;
///
/// let second = Duration::from_secs(1);
/// let report = SimFleet::new(7).workers(1).run(second, |worker| async move {
///     let api = worker
///         .upstream()
///         .latency(Duration::from_millis(5)..Duration::from_millis(9))
///         .costing(|request| vec![("bytes", request.uri().path().len() as u32)])
///         .responding(|_, start| Response::new(format!("worker {}", start.worker).into()));
///     let response = api.send(Request::get("/users").body(Body::default()).unwrap()).await.unwrap();
///     assert_eq!(response.into_body().as_bytes().unwrap(), "worker 0");
/// });
/// assert_eq!(report.starts[0].drawn("bytes"), 6);
/// ```
#[derive(Clone)]
pub struct SimUpstream {
    worker: usize,
    runtime: WorkerRuntime,
    log: Arc<StartLog>,
    latency: Range<Duration>,
    respond: Arc<Respond>,
    cost: Arc<Cost>,
}

type Respond = dyn Fn(&Request<Body>, &Start) -> Response<Bytes> + Send + Sync;
type Cost = dyn Fn(&Request<Body>) -> Vec<(&'static str, u32)> + Send + Sync;

impl SimUpstream {
    pub(super) fn new(worker: usize, runtime: WorkerRuntime, log: Arc<StartLog>) -> Self {
        Self {
            worker,
            runtime,
            log,
            latency: Duration::from_micros(500)..Duration::from_millis(3),
            respond: Arc::new(|_, _| Response::new(Bytes::new())),
            cost: Arc::new(|_| Vec::new()),
        }
    }

    /// Sets the response to each request.
    #[must_use]
    pub fn responding(
        mut self,
        respond: impl Fn(&Request<Body>, &Start) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.respond = Arc::new(respond);
        self
    }

    /// Sets the time from a request to its response, drawn at random from the range.
    #[must_use]
    pub fn latency(mut self, latency: Range<Duration>) -> Self {
        self.latency = latency;
        self
    }

    /// Sets the units that a request draws beside one call, or instead of it: `("calls", 3)` makes it three calls.
    #[must_use]
    pub fn costing(
        mut self,
        cost: impl Fn(&Request<Body>) -> Vec<(&'static str, u32)> + Send + Sync + 'static,
    ) -> Self {
        self.cost = Arc::new(cost);
        self
    }
}

#[async_trait]
impl Transport for SimUpstream {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, TransportError> {
        let start = self.log.append(self.worker, self.runtime.now(), (self.cost)(&request));
        let response = (self.respond)(&request, &start);
        let latency = Random::new(self.runtime.random()).between(&self.latency);
        self.runtime.sleep(latency).await;
        Ok(response.map(Body::from))
    }
}

impl fmt::Debug for SimUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimUpstream")
            .field("worker", &self.worker)
            .field("latency", &self.latency)
            .finish_non_exhaustive()
    }
}
