//! The shared store, as one worker has it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_channel::oneshot;
use stitchapi_core::{
    CellFacets, Cells, Change, Counter, Key, Leases, Pacer, Runtime as _, StitchStore, StoreError, StoreLimits,
    StoreTime, Versioned, async_trait, cells,
};

use super::links::{Links, NAME};

/// The store of a [`SimFleet`](super::SimFleet), at the end of one worker's way.
///
/// * It has every facet. Every operation, plain ones too, goes there and back, and meets the faults of the fleet.
/// * A request that is lost, or whose answer is, is never answered: whoever waits for it needs a timeout.
/// * A dropped operation is done all the same if it had been sent.
#[derive(Debug, Clone)]
pub struct SimStore {
    pub(super) links: Arc<Links>,
    pub(super) worker: usize,
}

impl Cells for SimStore {
    async fn update<R, F>(&self, key: &Key, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let trip = self.links.clone().carry(self.worker, key.clone(), step, answer);
        self.links.sim.spawn(Box::pin(trip));
        match answered.await {
            Ok(outcome) => outcome,
            Err(oneshot::Canceled) => std::future::pending().await,
        }
    }
}

#[async_trait]
impl StitchStore for SimStore {
    fn name(&self) -> &'static str {
        NAME
    }
    fn limits(&self) -> StoreLimits {
        self.links.limits
    }
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        cells::get(self, key).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        cells::set(self, key, value, ttl).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        cells::delete(self, key).await
    }
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        Some(CellFacets::new(self))
    }
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn Pacer>> {
        Some(CellFacets::new(self))
    }
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        Some(CellFacets::new(self))
    }
    fn versioned(self: Arc<Self>) -> Option<Arc<dyn Versioned>> {
        Some(CellFacets::new(self))
    }
}
