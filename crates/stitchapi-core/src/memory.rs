//! The store inside one process.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    CellFacets, Cells, Change, Counter, Key, Leases, Pacer, Prefix, Runtime, StitchStore, StoreError, StoreLimits,
    StoreTime, Versioned, cells, micros_up,
};

/// At each write so many expired entries go, if there are any: more than are written, so none pile up.
const SWEEP: usize = 8;
/// Below this many entries the table's memory is not worth giving back.
const SHRINK_FROM: usize = 1_024;

/// A store inside one process: the default, and the one to test with.
///
/// * It has every facet. Clones share one content; [`with_prefix`](Self::with_prefix) gives a view of its own.
/// * A mutex is held from the read to the write of every operation and never across an `.await`.
/// * Expired entries go in small steps at each write, and the memory with them; there is no thread. Nothing is removed
///   while nobody writes.
/// * Its clock is the runtime's ([`MemoryStore::on`]) or the machine's boot clock ([`MemoryStore::new`]).
#[derive(Clone)]
pub struct MemoryStore {
    content: Arc<Mutex<Content>>,
    runtime: Option<Arc<dyn Runtime>>,
    prefix: Prefix,
}

#[derive(Default)]
struct Content {
    entries: HashMap<Arc<str>, Entry>,
    /// When to look at an entry again: at its end, or before it if its end has moved away since.
    checks: BTreeSet<(u64, Arc<str>)>,
}

struct Entry {
    value: Bytes,
    /// In microseconds of the store's clock; `None` stays.
    ends: Option<u64>,
    /// The time under which it stands in `checks`.
    check: Option<u64>,
}

impl MemoryStore {
    /// An empty store on the machine's boot clock.
    #[cfg(any(unix, windows))]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default would hide which clock it runs on")]
    pub fn new() -> Self {
        Self { content: Arc::default(), runtime: None, prefix: Prefix::default() }
    }

    /// An empty store on the clock of `runtime`.
    #[must_use]
    pub fn on(runtime: Arc<dyn Runtime>) -> Self {
        Self { content: Arc::default(), runtime: Some(runtime), prefix: Prefix::default() }
    }

    /// The same content, seen through another prefix.
    #[must_use]
    pub fn with_prefix(&self, prefix: Prefix) -> Self {
        Self { prefix, ..self.clone() }
    }

    /// How many entries there are, expired ones that are still here included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).entries.len()
    }

    /// Whether there is no entry at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn now(&self) -> StoreTime {
        match &self.runtime {
            Some(runtime) => StoreTime(runtime.now().0),
            #[cfg(any(unix, windows))]
            None => StoreTime(crate::Tick::of_boot_clock().0),
            #[cfg(not(any(unix, windows)))]
            None => unreachable!("without a boot clock a store is made on a runtime"),
        }
    }
}

impl Content {
    fn put(&mut self, key: Arc<str>, value: Bytes, ends: Option<u64>) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.value = value;
            entry.ends = ends;
            match (entry.check, ends) {
                // The check comes early or in time and will move on by itself: a busy cell costs nothing here.
                (Some(check), Some(ends)) if check <= ends => return,
                (None, None) => return,
                (Some(check), _) => drop(self.checks.remove(&(check, key.clone()))),
                (None, Some(_)) => {}
            }
            entry.check = ends;
        } else {
            self.entries.insert(key.clone(), Entry { value, ends, check: ends });
        }
        if let Some(ends) = ends {
            self.checks.insert((ends, key));
        }
    }

    fn delete(&mut self, key: &str) {
        let removed = self.entries.remove_entry(key);
        if let Some((key, Entry { check: Some(check), .. })) = removed {
            self.checks.remove(&(check, key));
        }
        self.give_memory_back();
    }

    fn sweep(&mut self, now: StoreTime) {
        for _ in 0..SWEEP {
            let Some((_, key)) = self.checks.first().filter(|(check, _)| *check <= now.0).cloned() else { break };
            self.checks.pop_first();
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            entry.check = entry.ends;
            match entry.ends {
                Some(ends) if ends > now.0 => drop(self.checks.insert((ends, key))),
                Some(_) => drop(self.entries.remove(&key)),
                None => {}
            }
        }
        self.give_memory_back();
    }

    /// A hash table keeps its size when entries go: halve it when three quarters are empty.
    fn give_memory_back(&mut self) {
        let (len, capacity) = (self.entries.len(), self.entries.capacity());
        if capacity > SHRINK_FROM && len < capacity / 4 {
            self.entries.shrink_to(capacity / 2);
        }
    }
}

impl Cells for MemoryStore {
    async fn update<R, F>(&self, key: &Key, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        let key = key.render(&self.prefix);
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: a later holder never has an earlier time.
        let now = self.now();
        let live = content.entries.get(&*key).filter(|entry| entry.ends.is_none_or(|ends| ends > now.0));
        let (change, reply) = step(live.map(|entry| &*entry.value), now);
        match change {
            Change::Keep => {}
            Change::Put(value, ttl) => {
                content.put(key.into(), value, ttl.map(|ttl| now.0.saturating_add(micros_up(ttl))));
                content.sweep(now);
            }
            Change::Delete => content.delete(&key),
        }
        Ok(reply)
    }
}

#[async_trait]
impl StitchStore for MemoryStore {
    fn name(&self) -> &'static str {
        "memory"
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

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("entries", &self.len()).field("prefix", &self.prefix).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::SystemTime;

    use futures_executor::block_on;

    use super::*;
    use crate::{BoxFuture, Tick};

    /// A clock that a test sets.
    #[derive(Debug, Default)]
    struct Hand(AtomicU64);
    impl Runtime for Hand {
        fn now(&self) -> Tick {
            Tick(self.0.load(Ordering::Relaxed))
        }
        fn wall(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }
        fn sleep_until(&self, _: Tick) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
        fn spawn(&self, _: BoxFuture<'static, ()>) {}
        fn random(&self) -> u64 {
            4
        }
        fn joins_callers(&self) -> bool {
            true
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn key(n: usize) -> Key {
        Key::new("test").part(n.to_string())
    }

    #[test]
    fn a_million_expired_keys_leave_neither_entries_nor_memory() {
        let clock = Arc::new(Hand::default());
        let store = MemoryStore::on(clock.clone());
        let capacity = || store.content.lock().unwrap().entries.capacity();
        for n in 0..1_000_000 {
            block_on(store.set(&key(n), Bytes::new(), Some(SECOND))).unwrap();
        }
        let full = capacity();
        clock.0.store(2_000_000, Ordering::Relaxed);
        for n in 0..150_000 {
            block_on(store.set(&key(n % 10), Bytes::new(), Some(SECOND))).unwrap();
        }
        assert_eq!(store.len(), 10);
        assert_eq!(store.content.lock().unwrap().checks.len(), 10);
        assert!(capacity() < full / 100, "{} of {full}", capacity());
    }

    #[test]
    fn a_busy_key_keeps_one_check_and_still_ends_on_time() {
        let clock = Arc::new(Hand::default());
        let store = MemoryStore::on(clock.clone());
        for n in 0..100 {
            clock.0.store(n * 500_000, Ordering::Relaxed);
            block_on(store.set(&key(0), Bytes::new(), Some(SECOND))).unwrap();
            assert_eq!(store.content.lock().unwrap().checks.len(), 1);
        }
        clock.0.store(60_000_000, Ordering::Relaxed);
        block_on(store.set(&key(1), Bytes::new(), None)).unwrap();
        block_on(store.set(&key(1), Bytes::new(), None)).unwrap();
        assert_eq!(store.len(), 1);
    }

    #[test]
    fn a_shorter_ttl_and_no_ttl_move_the_check() {
        let clock = Arc::new(Hand::default());
        let store = MemoryStore::on(clock.clone());
        block_on(store.set(&key(0), Bytes::new(), Some(60 * SECOND))).unwrap();
        block_on(store.set(&key(0), Bytes::new(), Some(SECOND))).unwrap();
        block_on(store.set(&key(1), Bytes::new(), Some(SECOND))).unwrap();
        block_on(store.set(&key(1), Bytes::new(), None)).unwrap();
        clock.0.store(2_000_000, Ordering::Relaxed);
        block_on(store.set(&key(2), Bytes::new(), None)).unwrap();
        assert_eq!(block_on(store.get(&key(0))).unwrap(), None);
        assert_eq!(block_on(store.get(&key(1))).unwrap(), Some(Bytes::new()));
        assert_eq!(store.len(), 2);
    }
}
