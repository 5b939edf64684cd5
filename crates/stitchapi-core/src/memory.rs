//! The store within one process.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::{CellStore, Cells, Change, Key, Prefix, Runtime, StoreError, StoreLimits, StoreTime, micros_up};

/// Maximum number of expired entries that one write removes. A write adds at most one entry, so that expired entries do
/// not accumulate.
const MAX_REMOVED_PER_WRITE: usize = 8;
/// Capacity of the hash table, in entries, up to which its memory is not released.
const SHRINK_FROM: usize = 1_024;

/// Store in the memory of one process. It has every facet (counter, pacer, leases, versioned values) and suits a single
/// process and tests.
///
/// * Clones share their content; [`with_prefix`](Self::with_prefix) returns a view with keys of its own.
/// * Every operation holds a mutex from its read to its write, and never across an `.await`.
/// * Each write removes up to 8 expired entries and releases memory. There is no background thread, so that without
///   writes nothing is removed.
/// * The store's time is the clock of a runtime ([`MemoryStore::with_clock_of`]) or the machine's boot clock
///   ([`MemoryStore::new`]).
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::{Key, MemoryStore, StitchStore};
///
/// # futures_executor::block_on(async {
/// let store = MemoryStore::new();
/// store.set(&Key::new("greeting"), "hello".into(), Some(Duration::from_secs(60))).await?;
/// assert_eq!(store.clone().get(&Key::new("greeting")).await?.as_deref(), Some(&b"hello"[..]));
/// assert_eq!(store.len(), 1);
/// # Ok::<(), stitchapi_core::StoreError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    content: Arc<Mutex<Content>>,
    runtime: Option<Arc<dyn Runtime>>,
    prefix: Prefix,
}

#[derive(Default)]
struct Content {
    entries: HashMap<Arc<str>, Entry>,
    /// Keys of the entries with a ttl, in the order in which `sweep` visits them. If the deadline of an entry is
    /// extended, the entry stays listed under the earlier deadline until `sweep` visits it.
    expiry_index: BTreeSet<(u64, Arc<str>)>,
}

struct Entry {
    value: Bytes,
    /// Deadline in microseconds of the store's clock; `None` for an entry without a ttl.
    deadline: Option<u64>,
    /// Time under which `expiry_index` lists this entry; `None` if it never expires.
    indexed_under: Option<u64>,
}

impl MemoryStore {
    /// Creates an empty store on the machine's boot clock.
    #[cfg(any(unix, windows))]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default would hide the choice of the clock")]
    pub fn new() -> Self {
        Self { content: Arc::default(), runtime: None, prefix: Prefix::default() }
    }

    /// Creates an empty store on the clock of `runtime`.
    #[must_use]
    pub fn with_clock_of(runtime: Arc<dyn Runtime>) -> Self {
        Self { content: Arc::default(), runtime: Some(runtime), prefix: Prefix::default() }
    }

    /// Returns a view of the same content with another prefix.
    #[must_use]
    pub fn with_prefix(&self, prefix: Prefix) -> Self {
        Self { prefix, ..self.clone() }
    }

    /// Returns the number of entries under all prefixes, including expired entries that are not removed yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).entries.len()
    }

    /// Returns `true` if [`len`](Self::len) is zero.
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
            None => unreachable!("on a platform without a boot clock, only `with_clock_of` creates a store"),
        }
    }
}

impl Content {
    fn put(&mut self, key: Arc<str>, value: Bytes, deadline: Option<u64>) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.value = value;
            entry.deadline = deadline;
            match (entry.indexed_under, deadline) {
                // `sweep` moves an entry that is listed too early, so that a frequent write changes no index here.
                (Some(indexed), Some(deadline)) if indexed <= deadline => return,
                (None, None) => return,
                (Some(indexed), _) => drop(self.expiry_index.remove(&(indexed, key.clone()))),
                (None, Some(_)) => {}
            }
            entry.indexed_under = deadline;
        } else {
            self.entries.insert(key.clone(), Entry { value, deadline, indexed_under: deadline });
        }
        if let Some(deadline) = deadline {
            self.expiry_index.insert((deadline, key));
        }
    }

    fn delete(&mut self, key: &str) {
        let removed = self.entries.remove_entry(key);
        if let Some((key, Entry { indexed_under: Some(time), .. })) = removed {
            self.expiry_index.remove(&(time, key));
        }
        self.release_memory();
    }

    /// Visits up to [`MAX_REMOVED_PER_WRITE`] entries whose time in the index has passed. Removes each expired entry,
    /// and lists each entry whose deadline was extended under its new deadline.
    fn sweep(&mut self, now: StoreTime) {
        for _ in 0..MAX_REMOVED_PER_WRITE {
            let Some((_, key)) = self.expiry_index.first().filter(|(time, _)| *time <= now.0).cloned() else { break };
            self.expiry_index.pop_first();
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            entry.indexed_under = entry.deadline;
            match entry.deadline {
                Some(deadline) if deadline > now.0 => drop(self.expiry_index.insert((deadline, key))),
                Some(_) => drop(self.entries.remove(&key)),
                None => {}
            }
        }
        self.release_memory();
    }

    /// Halves the hash table when three quarters of it are empty, because a `HashMap` does not shrink by itself.
    fn release_memory(&mut self) {
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
        // Read the clock under the lock, so that a later holder of the lock never reads an earlier time.
        let now = self.now();
        let live = content.entries.get(&*key).filter(|entry| entry.deadline.is_none_or(|deadline| deadline > now.0));
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

impl CellStore for MemoryStore {
    fn store_name(&self) -> &'static str {
        "memory"
    }

    fn store_limits(&self) -> StoreLimits {
        StoreLimits::unlimited().with_boot_clock()
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
    use std::time::{Duration, SystemTime};

    use futures_executor::block_on;

    use super::*;
    use crate::{BoxFuture, StitchStore, Tick};

    /// Runtime whose clock a test sets.
    #[derive(Debug, Default)]
    struct ManualClock(AtomicU64);
    impl Runtime for ManualClock {
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
    fn a_million_expired_keys_are_removed_and_their_memory_is_released() {
        let clock = Arc::new(ManualClock::default());
        let store = MemoryStore::with_clock_of(clock.clone());
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
        assert_eq!(store.content.lock().unwrap().expiry_index.len(), 10);
        assert!(capacity() < full / 100, "{} of {full}", capacity());
    }

    #[test]
    fn a_key_that_is_written_often_is_listed_once_and_expires_on_time() {
        let clock = Arc::new(ManualClock::default());
        let store = MemoryStore::with_clock_of(clock.clone());
        for n in 0..100 {
            clock.0.store(n * 500_000, Ordering::Relaxed);
            block_on(store.set(&key(0), Bytes::new(), Some(SECOND))).unwrap();
            assert_eq!(store.content.lock().unwrap().expiry_index.len(), 1);
        }
        clock.0.store(60_000_000, Ordering::Relaxed);
        block_on(store.set(&key(1), Bytes::new(), None)).unwrap();
        block_on(store.set(&key(1), Bytes::new(), None)).unwrap();
        assert_eq!(store.len(), 1);
    }

    #[test]
    fn a_shorter_ttl_moves_the_key_in_the_index_and_no_ttl_removes_it() {
        let clock = Arc::new(ManualClock::default());
        let store = MemoryStore::with_clock_of(clock.clone());
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
