//! The shared store, as one worker reaches it.

use std::sync::Arc;

use futures_channel::oneshot;
use stitchapi_core::{CellStore, Cells, Change, Key, Runtime as _, StoreError, StoreLimits, StoreTime};

use super::network::{NAME, Network};

/// The store of a [`SimFleet`](super::SimFleet), reached over one worker's connection.
///
/// * It has every facet. Every operation, plain ones included, takes a round trip and is subject to the fleet's faults.
/// * If a request or its response is lost, the operation never returns: the caller needs a timeout.
/// * If the future of an operation is dropped, the operation is still done once it has been sent.
///
/// [`Worker::store`](super::Worker::store) returns it; see [`SimFleet`](super::SimFleet) for an example.
#[derive(Debug, Clone)]
pub struct SimStore {
    pub(super) network: Arc<Network>,
    pub(super) worker: usize,
}

impl Cells for SimStore {
    async fn update<R, F>(&self, key: &Key, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        let (sender, response) = oneshot::channel();
        let trip = self.network.clone().carry(self.worker, key.clone(), step, sender);
        self.network.sim.spawn(Box::pin(trip));
        match response.await {
            Ok(outcome) => outcome,
            Err(oneshot::Canceled) => std::future::pending().await,
        }
    }
}

impl CellStore for SimStore {
    fn store_name(&self) -> &'static str {
        NAME
    }
    fn store_limits(&self) -> StoreLimits {
        self.network.limits
    }
}
