//! The API that a simulated fleet calls.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use stitchapi_core::{Body, Runtime as _, Transport, TransportError, async_trait};

use super::{Start, Worker};
use crate::runtime::Random;

/// A [`Transport`] that writes down when a request is handed to it, and by which worker.
///
/// * The answer is an empty one of status 200, after 0.5 to 3 ms, unless said otherwise.
/// * What a call costs beside one call it cannot know: [`costing`](Self::costing) tells it.
#[derive(Clone)]
pub struct SimUpstream {
    worker: Worker,
    takes: Range<Duration>,
    answer: Arc<Answer>,
    units: Arc<Costing>,
}

type Answer = dyn Fn(&Request<Body>, &Start) -> Response<Bytes> + Send + Sync;
type Costing = dyn Fn(&Request<Body>) -> Vec<(&'static str, u32)> + Send + Sync;

impl SimUpstream {
    pub(super) fn new(worker: Worker) -> Self {
        Self {
            worker,
            takes: Duration::from_micros(500)..Duration::from_millis(3),
            answer: Arc::new(|_, _| Response::new(Bytes::new())),
            units: Arc::new(|_| Vec::new()),
        }
    }

    /// What it answers.
    #[must_use]
    pub fn answering(
        mut self,
        answer: impl Fn(&Request<Body>, &Start) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.answer = Arc::new(answer);
        self
    }

    /// How long an answer takes, at random.
    #[must_use]
    pub fn taking(mut self, takes: Range<Duration>) -> Self {
        self.takes = takes;
        self
    }

    /// What a request draws beside one call, or instead of it: `("calls", 3)` makes it three.
    #[must_use]
    pub fn costing(
        mut self,
        units: impl Fn(&Request<Body>) -> Vec<(&'static str, u32)> + Send + Sync + 'static,
    ) -> Self {
        self.units = Arc::new(units);
        self
    }
}

#[async_trait]
impl Transport for SimUpstream {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, TransportError> {
        let start = self.worker.start((self.units)(&request));
        let answer = (self.answer)(&request, &start);
        let takes = Random::new(self.worker.runtime().random()).between(&self.takes);
        self.worker.sleep(takes).await;
        Ok(answer.map(Body::from))
    }
}

impl fmt::Debug for SimUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimUpstream").field("worker", &self.worker).field("takes", &self.takes).finish_non_exhaustive()
    }
}
