//! A store that can only count.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{Counter, Key, StitchStore, StoreError, StoreLimits, async_trait};

/// Store with the values and the counter of another store, and no other facet.
#[derive(Debug, Clone)]
pub struct CountingStore<S>(pub S);

#[async_trait]
impl<S: StitchStore + Clone> StitchStore for CountingStore<S> {
    fn name(&self) -> &'static str {
        "counting"
    }
    fn limits(&self) -> StoreLimits {
        StoreLimits::unlimited()
    }
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.0.get(key).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.0.set(key, value, ttl).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.0.delete(key).await
    }
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        Arc::new(self.0.clone()).counter()
    }
}
