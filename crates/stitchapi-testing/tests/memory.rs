//! The kit on the memory store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use stitchapi_core::{BoxFuture, Cells, Change, Key, MemoryStore, Runtime, StitchStore, Tick, micros_up};
use stitchapi_testing::{Clause, ContractOptions, SimRuntime, StdRuntime, verify_store_contract};

fn boxed(store: MemoryStore) -> BoxFuture<'static, Arc<dyn StitchStore>> {
    Box::pin(async move { Arc::new(store) as Arc<dyn StitchStore> })
}

/// Removes the ttl of a value: the deadline is bytes 2 to 10 of what a store of cells stores.
async fn strip(store: MemoryStore, key: Key) {
    let stripped = store.update(&key, |old, _| {
        let Some(old) = old else { return (Change::Keep, ()) };
        (Change::Put([&old[..2], &[0xff; 8], &old[10..]].concat().into(), None), ())
    });
    stripped.await.expect("a memory store does not fail");
}

/// The clock of a runtime, minus what it was set back by.
#[derive(Debug)]
struct SettableClock {
    runtime: Arc<dyn Runtime>,
    /// In microseconds.
    set_back: AtomicU64,
}

impl SettableClock {
    fn new(runtime: Arc<dyn Runtime>) -> Arc<Self> {
        Arc::new(Self { runtime, set_back: AtomicU64::new(0) })
    }
}

/// A memory store calls `now` only.
impl Runtime for SettableClock {
    fn now(&self) -> Tick {
        self.runtime.now() - Duration::from_micros(self.set_back.load(Ordering::Relaxed))
    }
    fn wall(&self) -> SystemTime {
        self.runtime.wall()
    }
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        self.runtime.sleep_until(at)
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.runtime.spawn(task);
    }
    fn random(&self) -> u64 {
        self.runtime.random()
    }
    fn joins_callers(&self) -> bool {
        self.runtime.joins_callers()
    }
}

/// Returns the options for a store on `clock`.
fn options(store: &MemoryStore, clock: Arc<SettableClock>) -> ContractOptions {
    let (prefixed, stripped) = (store.clone(), store.clone());
    ContractOptions::new(clock.runtime.clone())
        .prefixed(move |prefix| boxed(prefixed.with_prefix(prefix)))
        .strip_ttl(move |key| Box::pin(strip(stripped.clone(), key)))
        .set_clock_back(move |by| {
            clock.set_back.fetch_add(micros_up(by), Ordering::Relaxed);
            Box::pin(async {})
        })
        .single_process("a memory store lives in one process")
}

#[test]
fn the_memory_store_satisfies_the_contract_in_real_time() {
    let runtime = StdRuntime::new();
    let clock = SettableClock::new(Arc::new(runtime));
    let store = MemoryStore::with_clock_of(clock.clone());
    let options = options(&store, clock);
    let report = runtime.block_on(verify_store_contract(move || boxed(store.clone()), options));
    println!("{report}");
    report.assert_clean();
    // Four clauses with several processes, and three on the size of keys and values.
    assert_eq!(report.not_applicable().count(), 7);
    assert_eq!(report.passed().count(), Clause::all().len() - 7);
}

#[test]
fn the_memory_store_satisfies_the_contract_with_every_interleaving() {
    for seed in 0..20 {
        let runtime = SimRuntime::new(seed);
        let clock = SettableClock::new(Arc::new(runtime.clone()));
        let store = MemoryStore::with_clock_of(clock.clone());
        let options = options(&store, clock);
        let report = runtime.block_on(verify_store_contract(move || boxed(store.clone()), options));
        report.assert_clean();
    }
}
