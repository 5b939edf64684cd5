//! The kit on the store that is the model for all others.

use std::sync::Arc;

use stitchapi_core::{BoxFuture, Cells, Change, Key, MemoryStore, Runtime, StitchStore};
use stitchapi_testing::{Clause, ContractOptions, SimRuntime, StdRuntime, verify_store_contract};

fn boxed(store: MemoryStore) -> BoxFuture<'static, Arc<dyn StitchStore>> {
    Box::pin(async move { Arc::new(store) as Arc<dyn StitchStore> })
}

/// Takes the ttl away behind the store's back: the deadline is bytes 2 to 10 of what a store of cells keeps.
async fn strip(store: MemoryStore, key: Key) {
    let stripped = store.update(&key, |old, _| {
        let Some(old) = old else { return (Change::Keep, ()) };
        (Change::Put([&old[..2], &[0xff; 8], &old[10..]].concat().into(), None), ())
    });
    stripped.await.expect("a memory store does not fail");
}

fn options(store: &MemoryStore, runtime: Arc<dyn Runtime>) -> ContractOptions {
    let (prefixed, stripped) = (store.clone(), store.clone());
    ContractOptions::new(runtime)
        .prefixed(move |prefix| boxed(prefixed.with_prefix(prefix)))
        .strip_ttl(move |key| Box::pin(strip(stripped.clone(), key)))
        .single_process("a memory store lives in one process")
}

#[test]
fn the_memory_store_keeps_the_contract_on_the_machines_clock() {
    let (store, runtime) = (MemoryStore::new(), StdRuntime::new());
    let options = options(&store, Arc::new(runtime));
    let report = runtime.block_on(verify_store_contract(move || boxed(store.clone()), options));
    println!("{report}");
    report.assert_clean();
    assert_eq!(report.not_applicable().count(), 4);
    assert_eq!(report.passed().count(), Clause::all().len() - 4);
}

#[test]
fn the_memory_store_keeps_the_contract_in_virtual_time_whatever_the_interleaving() {
    for seed in 0..20 {
        let runtime = SimRuntime::new(seed);
        let store = MemoryStore::on(Arc::new(runtime.clone()));
        let options = options(&store, Arc::new(runtime.clone()));
        let report = runtime.block_on(verify_store_contract(move || boxed(store.clone()), options));
        report.assert_clean();
    }
}
