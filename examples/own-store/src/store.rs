//! A store over a map and a mutex. Yours would be over your own backend.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use stitchapi_core::{CellStore, Cells, Change, Key, Prefix, StoreError, StoreLimits, StoreTime, Tick, micros_up};

/// Values by rendered key, each with its deadline in microseconds of the store's clock.
type Rows = HashMap<String, (Bytes, Option<u64>)>;

/// Store in memory, with every facet. Clones share its rows.
#[derive(Debug, Clone, Default)]
pub struct MyStore {
    rows: Arc<Mutex<Rows>>,
    prefix: Prefix,
}

impl MyStore {
    /// Returns a view of the same rows with another prefix.
    pub fn with_prefix(&self, prefix: Prefix) -> Self {
        Self { rows: self.rows.clone(), prefix }
    }
}

impl Cells for MyStore {
    // Atomic: the mutex is held from the read to the write. If the process dies between them, its rows die, too.
    async fn update<R, F>(&self, key: &Key, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        let key = key.render(&self.prefix);
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let now = StoreTime(Tick::of_boot_clock().0);
        // The driver deletes expired rows. This one deletes all of them at each write, which is fine for a small map.
        rows.retain(|_, (_, deadline)| deadline.is_none_or(|deadline| deadline > now.0));
        let (change, reply) = step(rows.get(&key).map(|(value, _)| value.as_ref()), now);
        match change {
            Change::Keep => {}
            Change::Put(value, ttl) => {
                drop(rows.insert(key, (value, ttl.map(|ttl| now.0.saturating_add(micros_up(ttl))))));
            }
            Change::Delete => drop(rows.remove(&key)),
        }
        Ok(reply)
    }
}

impl CellStore for MyStore {
    fn store_name(&self) -> &'static str {
        "mine"
    }
    fn store_limits(&self) -> StoreLimits {
        StoreLimits::unlimited().with_boot_clock()
    }
}
