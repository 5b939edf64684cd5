//! The shared store, as one worker has it.

use std::sync::Arc;

use futures_channel::oneshot;
use stitchapi_core::{CellStore, Cells, Change, Key, Runtime as _, StoreError, StoreLimits, StoreTime};

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

impl CellStore for SimStore {
    fn store_name(&self) -> &'static str {
        NAME
    }
    fn store_limits(&self) -> StoreLimits {
        self.links.limits
    }
}
