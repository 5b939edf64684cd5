//! One process of a simulated fleet.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{BoxFuture, Runtime as _};

use super::network::Network;
use super::sim_store::SimStore;
use super::start::{Start, StartLog};
use super::upstream::SimUpstream;
use super::worker_runtime::WorkerRuntime;

/// One process of a [`SimFleet`](super::SimFleet), with everything that a seam is built on.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_testing::SimFleet;
///
/// let report = SimFleet::new(7).workers(2).run(Duration::from_secs(1), |worker| async move {
///     let other = worker.clone();
///     worker.spawn(async move {
///         other.sleep(Duration::from_millis(300)).await;
///         other.start([("tokens", 40)]);
///     });
/// });
/// assert_eq!(report.per_worker(), [1, 1]);
/// ```
#[derive(Clone)]
pub struct Worker(Arc<Inner>);

struct Inner {
    number: usize,
    runtime: WorkerRuntime,
    network: Arc<Network>,
    log: Arc<StartLog>,
}

impl Worker {
    pub(super) fn new(number: usize, runtime: WorkerRuntime, network: Arc<Network>, log: Arc<StartLog>) -> Self {
        Self(Arc::new(Inner { number, runtime, network, log }))
    }

    /// Returns the number of the worker, from 0.
    #[must_use]
    pub fn number(&self) -> usize {
        self.0.number
    }

    /// Returns the worker's runtime, whose tasks stop with the worker.
    #[must_use]
    pub fn runtime(&self) -> WorkerRuntime {
        self.0.runtime.clone()
    }

    /// Returns the store that all workers share, reached over this worker's connection.
    #[must_use]
    pub fn store(&self) -> SimStore {
        SimStore { network: self.0.network.clone(), worker: self.0.number }
    }

    /// Returns the API that all workers call. It logs every start.
    #[must_use]
    pub fn upstream(&self) -> SimUpstream {
        SimUpstream::new(self.0.number, self.0.runtime.clone(), self.0.log.clone())
    }

    /// Sleeps for `duration` of virtual time. The future must be polled by a task of this worker.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.runtime.sleep(duration)
    }

    /// Runs `task` as a task of this worker.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.runtime.spawn(Box::pin(task));
    }

    /// Logs a start that draws one call and `units`, for requests that do not pass through [`upstream`](Self::upstream).
    pub fn start(&self, units: impl IntoIterator<Item = (&'static str, u32)>) -> Start {
        self.0.log.append(self.0.number, self.0.runtime.now(), units.into_iter().collect())
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Worker").field(&self.0.number).finish()
    }
}
