//! Runs every clause of the contract kit on the store, and counts its lines.

use std::sync::Arc;

use example_own_store::MyStore;
use stitchapi_core::{BoxFuture, StitchStore};
use stitchapi_testing::{ContractOptions, StdRuntime, verify_store_contract};

fn client(store: MyStore) -> BoxFuture<'static, Arc<dyn StitchStore>> {
    Box::pin(async move { Arc::new(store) as Arc<dyn StitchStore> })
}

#[test]
fn the_store_keeps_the_whole_contract() {
    let (store, runtime) = (MyStore::default(), StdRuntime::new());
    let prefixed = store.clone();
    let options = ContractOptions::new(Arc::new(runtime))
        .prefixed(move |prefix| client(prefixed.with_prefix(prefix)))
        .single_process("the store lives in the memory of one process")
        .cannot_lose_ttl("the deadline of a counter is inside its value")
        .cannot_set_clock("its clock is the machine's boot clock");
    let report = runtime.block_on(verify_store_contract(move || client(store.clone()), options));
    println!("{report}");
    report.assert_clean();
}

#[test]
fn the_store_has_under_60_lines() {
    assert!(include_str!("../src/store.rs").lines().count() < 60);
}
