//! One store made of two: plain values in the first, facets in the second.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Counter, Key, Leases, Pacer, StitchStore, StoreError, StoreLimits, Versioned};

/// Store that keeps plain values in one store and takes every facet from another.
///
/// Use it for a pair such as an object store for cached responses and a small Redis for counters. Sessions are
/// versioned values, and [`Versioned`] is a facet, so the second store keeps them.
///
/// ```
/// use stitchapi_core::{Key, MemoryStore, SplitStore, StitchStore};
///
/// let (responses, counters) = (MemoryStore::new(), MemoryStore::new());
/// let store = SplitStore::new(responses.clone(), counters.clone());
/// # futures_executor::block_on(async {
/// store.set(&Key::new("page"), "hello".into(), None).await?;
/// # Ok::<(), stitchapi_core::StoreError>(())
/// # }).unwrap();
/// assert_eq!((responses.len(), counters.len()), (1, 0));
/// ```
#[derive(Debug, Clone)]
pub struct SplitStore {
    values: Arc<dyn StitchStore>,
    facets: Arc<dyn StitchStore>,
}

impl SplitStore {
    /// Creates a store with the plain values of `values` and the facets of `facets`.
    #[must_use]
    pub fn new(values: impl StitchStore, facets: impl StitchStore) -> Self {
        Self { values: Arc::new(values), facets: Arc::new(facets) }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StitchStore for SplitStore {
    fn name(&self) -> &'static str {
        "split"
    }

    /// Returns the limits that hold for both stores: the shorter `max_key`, the longer timeout, and volatile if either
    /// store is. `max_value` is that of the store of plain values, `boot_clock` that of the store of facets.
    fn limits(&self) -> StoreLimits {
        let (values, facets) = (self.values.limits(), self.facets.limits());
        StoreLimits {
            max_key: values.max_key.min(facets.max_key),
            max_value: values.max_value,
            volatile: values.volatile || facets.volatile,
            timeout: values.timeout.max(facets.timeout),
            boot_clock: facets.boot_clock,
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.values.get(key).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.values.set(key, value, ttl).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        // A value keeps its kind for its whole life, so at least one of the two stores has no value under the key.
        self.facets.delete(key).await?;
        self.values.delete(key).await
    }
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        self.facets.clone().counter()
    }
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn Pacer>> {
        self.facets.clone().pacer()
    }
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        self.facets.clone().leases()
    }
    fn versioned(self: Arc<Self>) -> Option<Arc<dyn Versioned>> {
        self.facets.clone().versioned()
    }
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;
    use crate::MemoryStore;

    #[test]
    fn plain_values_and_facets_are_kept_in_different_stores() {
        let (values, facets) = (MemoryStore::new(), MemoryStore::new());
        let store = Arc::new(SplitStore::new(values.clone(), facets.clone()));
        let minute = Duration::from_secs(60);
        block_on(store.set(&Key::new("page"), Bytes::from_static(b"x"), None)).unwrap();
        let counter = store.clone().counter().unwrap();
        assert_eq!(block_on(counter.incr(&Key::new("count"), minute)).unwrap(), 1);
        assert_eq!((values.len(), facets.len()), (1, 1));
        block_on(store.delete(&Key::new("count"))).unwrap();
        block_on(store.delete(&Key::new("page"))).unwrap();
        assert!(values.is_empty() && facets.is_empty());
    }
}
