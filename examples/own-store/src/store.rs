//! A store over a map and a mutex. Yours would be over your own backend.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{
    CellFacets, Cells, Change, Counter, Key, Leases, Pacer, Prefix, StitchStore, StoreError, StoreLimits, StoreTime,
    Tick, Versioned, async_trait, cells, micros_up,
};

type Rows = HashMap<String, (Bytes, Option<u64>)>;

/// Keeps values and when they end, in microseconds of its clock, in memory; clones share them.
#[derive(Debug, Clone, Default)]
pub struct MyStore {
    rows: Arc<Mutex<Rows>>,
    prefix: Prefix,
}

impl MyStore {
    /// The same rows, seen through another prefix.
    pub fn with_prefix(&self, prefix: Prefix) -> Self {
        Self { rows: self.rows.clone(), prefix }
    }
}

impl Cells for MyStore {
    // Atomic: the mutex is held from the read to the write.
    async fn update<R, F>(&self, key: &Key, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        let key = key.render(&self.prefix);
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let now = StoreTime(Tick::of_boot_clock().0);
        let live = rows.get(&key).filter(|(_, ends)| ends.is_none_or(|ends| ends > now.0));
        let (change, reply) = step(live.map(|(value, _)| value.as_ref()), now);
        match change {
            Change::Keep => {}
            Change::Put(value, ttl) => drop(rows.insert(key, (value, ttl.map(|ttl| now.0 + micros_up(ttl))))),
            Change::Delete => drop(rows.remove(&key)),
        }
        Ok(reply)
    }
}

#[async_trait]
impl StitchStore for MyStore {
    fn name(&self) -> &'static str {
        "mine"
    }
    fn limits(&self) -> StoreLimits {
        StoreLimits::unlimited().with_boot_clock()
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
