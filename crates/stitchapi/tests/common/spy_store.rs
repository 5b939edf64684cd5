//! A store in memory that records operations and written values, and that a test can slow down, break or corrupt.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use stitchapi::{MemoryStore, Runtime};
use stitchapi_core::{CellStore, Cells, Change, Key, StoreError, StoreErrorKind, StoreLimits, StoreTime};

/// Store that records every operation and every written value, with injected latency and failures.
#[derive(Debug, Clone)]
pub struct SpyStore {
    memory: MemoryStore,
    state: Arc<Mutex<State>>,
    runtime: Arc<dyn Runtime>,
    /// Upper bound of the random latency of each request and each reply.
    max_latency: Duration,
    timeout: Duration,
}

#[derive(Debug, Default)]
struct State {
    keys: HashSet<Key>,
    values: Vec<Bytes>,
    failing: Option<StoreErrorKind>,
    /// Number of the one operation that fails, and how.
    failing_once: Option<(usize, StoreErrorKind)>,
    is_hanging: bool,
    operations: usize,
}

impl SpyStore {
    /// Creates an empty store without latency, on the clock of `runtime`.
    pub fn new(runtime: impl Runtime) -> Self {
        let runtime: Arc<dyn Runtime> = Arc::new(runtime);
        Self {
            memory: MemoryStore::with_clock_of(runtime.clone()),
            state: Arc::default(),
            runtime,
            max_latency: Duration::ZERO,
            timeout: Duration::from_millis(250),
        }
    }

    /// Delays each request and each reply by a random time of less than `max`.
    pub fn latency(mut self, max: Duration) -> Self {
        self.max_latency = max;
        self
    }

    /// Sets the timeout after which the library gives an operation up.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Fails the operation with this number, counted from 1.
    pub fn fail_once(&self, number: usize, kind: StoreErrorKind) {
        self.state.lock().unwrap().failing_once = Some((number, kind));
    }

    /// With `true`, leaves every further operation without a reply; with `false`, replies again.
    pub fn hang(&self, is_hanging: bool) {
        self.state.lock().unwrap().is_hanging = is_hanging;
    }

    /// Copies the value of one key to another key.
    pub async fn copy(&self, from: &Key, to: &Key) {
        let copied = self.memory.update(from, |old, _| (Change::Keep, old.map(Bytes::copy_from_slice))).await.unwrap();
        let put = copied.expect("the source key has a value");
        let hour = Some(Duration::from_secs(3600));
        self.memory.update(to, move |_, _| (Change::Put(put.clone(), hour), ())).await.unwrap();
    }

    /// Sleeps for the latency of one direction.
    async fn delay(&self) {
        if !self.max_latency.is_zero() {
            let micros = u64::try_from(self.max_latency.as_micros()).unwrap();
            let latency = Duration::from_micros(self.runtime.random() % micros);
            self.runtime.sleep_until(self.runtime.now() + latency).await;
        }
    }

    /// With an error kind, fails every further operation; with `None`, lets operations succeed again.
    pub fn fail(&self, kind: Option<StoreErrorKind>) {
        self.state.lock().unwrap().failing = kind;
    }

    /// Returns `true` if any written value or any key contains this text.
    pub fn contains_text(&self, text: &str) -> bool {
        let state = self.state.lock().unwrap();
        let within = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        state.values.iter().any(|value| within(value)) || state.keys.iter().any(|key| format!("{key:?}").contains(text))
    }

    /// Returns the number of operations, failed ones included.
    pub fn operations(&self) -> usize {
        self.state.lock().unwrap().operations
    }

    /// Returns the keys of this kind.
    pub fn keys(&self, kind: &str) -> Vec<Key> {
        self.state.lock().unwrap().keys.iter().filter(|key| key.kind() == kind).cloned().collect()
    }

    /// Flips a bit in the last byte of the value of each key of this kind.
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

impl Cells for SpyStore {
    async fn update<R, F>(&self, key: &Key, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        self.delay().await;
        let is_hanging = {
            let mut state = self.state.lock().unwrap();
            state.operations += 1;
            let number = state.operations;
            let once = state.failing_once.filter(|(failing, _)| *failing == number).map(|(_, kind)| kind);
            if let Some(kind) = once.or(state.failing) {
                return Err(StoreError::new(kind, "spy", "update"));
            }
            state.keys.insert(key.clone());
            state.is_hanging
        };
        if is_hanging {
            return std::future::pending().await;
        }
        let state = self.state.clone();
        let recording_step = move |old: Option<&[u8]>, now: StoreTime| {
            let (change, reply) = step(old, now);
            if let Change::Put(value, _) = &change {
                state.lock().unwrap().values.push(value.clone());
            }
            (change, reply)
        };
        let reply = self.memory.update(key, recording_step).await;
        self.delay().await;
        reply
    }
}

impl CellStore for SpyStore {
    fn store_name(&self) -> &'static str {
        "spy"
    }
    fn store_limits(&self) -> StoreLimits {
        StoreLimits::unlimited().with_sizes(usize::MAX, 10_000).with_boot_clock().with_timeout(self.timeout)
    }
}
