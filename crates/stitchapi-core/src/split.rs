//! Two stores as one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Counter, Key, Leases, Pacer, StitchStore, StoreError, StoreLimits, Versioned};

/// Plain values in one store, facets from another: for a store that can keep but not count.
///
/// ```
/// use stitchapi_core::{MemoryStore, SplitStore};
///
/// let (pages, counters) = (MemoryStore::new(), MemoryStore::new());
/// let store = SplitStore::new(pages, counters);
/// # let _ = store;
/// ```
#[derive(Debug, Clone)]
pub struct SplitStore {
    state: Arc<dyn StitchStore>,
    counters: Arc<dyn StitchStore>,
}

impl SplitStore {
    /// `get`, `set` and `delete` go to `state`, every facet to `counters`.
    #[must_use]
    pub fn new(state: impl StitchStore, counters: impl StitchStore) -> Self {
        Self { state: Arc::new(state), counters: Arc::new(counters) }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StitchStore for SplitStore {
    fn name(&self) -> &'static str {
        "split"
    }

    /// What both take; volatile if one of them is, as slow as the slower.
    fn limits(&self) -> StoreLimits {
        let (state, counters) = (self.state.limits(), self.counters.limits());
        StoreLimits {
            max_key: state.max_key.min(counters.max_key),
            max_value: state.max_value,
            volatile: state.volatile || counters.volatile,
            timeout: state.timeout.max(counters.timeout),
            boot_clock: counters.boot_clock,
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.state.get(key).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.state.set(key, value, ttl).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        // A key is plain or a facet's for life, so one of the two has nothing to remove.
        self.counters.delete(key).await?;
        self.state.delete(key).await
    }
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        self.counters.clone().counter()
    }
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn Pacer>> {
        self.counters.clone().pacer()
    }
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        self.counters.clone().leases()
    }
    fn versioned(self: Arc<Self>) -> Option<Arc<dyn Versioned>> {
        self.counters.clone().versioned()
    }
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;
    use crate::MemoryStore;

    #[test]
    fn plain_values_and_facets_go_their_own_ways() {
        let (state, counters) = (MemoryStore::new(), MemoryStore::new());
        let store = Arc::new(SplitStore::new(state.clone(), counters.clone()));
        let minute = Duration::from_secs(60);
        block_on(store.set(&Key::new("page"), Bytes::from_static(b"x"), None)).unwrap();
        let counter = store.clone().counter().unwrap();
        assert_eq!(block_on(counter.incr(&Key::new("count"), minute)).unwrap(), 1);
        assert_eq!((state.len(), counters.len()), (1, 1));
        block_on(store.delete(&Key::new("count"))).unwrap();
        block_on(store.delete(&Key::new("page"))).unwrap();
        assert!(state.is_empty() && counters.is_empty());
    }
}
