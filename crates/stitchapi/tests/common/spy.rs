//! A store that shows what was written, can be tampered with, and can fail.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use stitchapi::{MemoryStore, Runtime};
use stitchapi_core::{CellStore, Cells, Change, Key, StoreError, StoreErrorKind, StoreLimits, StoreTime};

/// A store of cells in memory, watched.
#[derive(Debug, Clone)]
pub struct Spy {
    memory: MemoryStore,
    seen: Arc<Mutex<Seen>>,
    runtime: Arc<dyn Runtime>,
    /// The longest way to the store, and back.
    way: Duration,
    timeout: Duration,
}

#[derive(Debug, Default)]
struct Seen {
    keys: HashSet<Key>,
    values: Vec<Bytes>,
    failing: Option<StoreErrorKind>,
    /// The operation of this number fails once.
    failing_once: Option<(usize, StoreErrorKind)>,
    hanging: bool,
    operations: usize,
}

impl Spy {
    pub fn on(runtime: impl Runtime) -> Self {
        let runtime: Arc<dyn Runtime> = Arc::new(runtime);
        Self {
            memory: MemoryStore::on(runtime.clone()),
            seen: Arc::default(),
            runtime,
            way: Duration::ZERO,
            timeout: Duration::from_millis(250),
        }
    }

    /// Every operation takes a way there and a way back of up to this.
    pub fn far(mut self, way: Duration) -> Self {
        self.way = way;
        self
    }

    /// How long the library waits for an operation.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The operation of this number, from 1, fails like this.
    pub fn fail_once(&self, number: usize, kind: StoreErrorKind) {
        self.seen.lock().unwrap().failing_once = Some((number, kind));
    }

    /// From now on no operation is answered, or every one is.
    pub fn hang(&self, hanging: bool) {
        self.seen.lock().unwrap().hanging = hanging;
    }

    /// Puts what lies under one key under another one, too.
    pub async fn copy(&self, from: &Key, to: &Key) {
        let copied = self.memory.update(from, |old, _| (Change::Keep, old.map(Bytes::copy_from_slice))).await.unwrap();
        let put = copied.expect("there is something to copy");
        let hour = Some(Duration::from_secs(3600));
        self.memory.update(to, move |_, _| (Change::Put(put.clone(), hour), ())).await.unwrap();
    }

    async fn travel(&self) {
        if !self.way.is_zero() {
            let micros = u64::try_from(self.way.as_micros()).unwrap();
            let way = Duration::from_micros(self.runtime.random() % micros);
            self.runtime.sleep_until(self.runtime.now() + way).await;
        }
    }

    /// From now on every operation fails like this, or none does.
    pub fn fail(&self, kind: Option<StoreErrorKind>) {
        self.seen.lock().unwrap().failing = kind;
    }

    /// Whether these bytes are in anything that was ever written, or in any key.
    pub fn has_seen(&self, text: &str) -> bool {
        let seen = self.seen.lock().unwrap();
        let within = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        seen.values.iter().any(|value| within(value)) || seen.keys.iter().any(|key| format!("{key:?}").contains(text))
    }

    /// How many operations there were.
    pub fn operations(&self) -> usize {
        self.seen.lock().unwrap().operations
    }

    /// The keys of this kind.
    pub fn keys(&self, kind: &str) -> Vec<Key> {
        self.seen.lock().unwrap().keys.iter().filter(|key| key.kind() == kind).cloned().collect()
    }

    /// Flips a bit of the last byte of what lies under the keys of this kind.
    pub async fn tamper(&self, kind: &str) {
        for key in self.keys(kind) {
            let tampered = self.memory.update(&key, |old, _| {
                let Some((last, rest)) = old.and_then(<[u8]>::split_last) else { return (Change::Keep, false) };
                (Change::Put([rest, &[last ^ 1]].concat().into(), Some(Duration::from_secs(3600))), true)
            });
            assert!(tampered.await.unwrap());
        }
    }
}

impl Cells for Spy {
    async fn update<R, F>(&self, key: &Key, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        self.travel().await;
        let hanging = {
            let mut seen = self.seen.lock().unwrap();
            seen.operations += 1;
            let now = seen.operations;
            let once = seen.failing_once.filter(|(number, _)| *number == now).map(|(_, kind)| kind);
            if let Some(kind) = once.or(seen.failing) {
                return Err(StoreError::new(kind, "spy", "update"));
            }
            seen.keys.insert(key.clone());
            seen.hanging
        };
        if hanging {
            return std::future::pending().await;
        }
        let seen = self.seen.clone();
        let watched = move |old: Option<&[u8]>, now: StoreTime| {
            let (change, reply) = step(old, now);
            if let Change::Put(value, _) = &change {
                seen.lock().unwrap().values.push(value.clone());
            }
            (change, reply)
        };
        let reply = self.memory.update(key, watched).await;
        self.travel().await;
        reply
    }
}

impl CellStore for Spy {
    fn store_name(&self) -> &'static str {
        "spy"
    }
    fn store_limits(&self) -> StoreLimits {
        StoreLimits::unlimited().with_sizes(usize::MAX, 10_000).with_boot_clock().with_timeout(self.timeout)
    }
}
