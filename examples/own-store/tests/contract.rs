//! The proof: the kit's every clause, and the count of lines.

use std::sync::Arc;

use example_own_store::MyStore;
use stitchapi_core::{BoxFuture, StitchStore};
use stitchapi_testing::{ContractOptions, StdRuntime, verify_store_contract};

fn client(store: MyStore) -> BoxFuture<'static, Arc<dyn StitchStore>> {
    Box::pin(async move { Arc::new(store) as Arc<dyn StitchStore> })
}

#[test]
fn it_keeps_the_whole_contract() {
    let (store, runtime) = (MyStore::default(), StdRuntime::new());
    let prefixed = store.clone();
    let options = ContractOptions::new(Arc::new(runtime))
        .prefixed(move |prefix| client(prefixed.with_prefix(prefix)))
        .single_process("it lives in one process")
        .cannot_lose_ttl("a counter's end is inside its value");
    let report = runtime.block_on(verify_store_contract(move || client(store.clone()), options));
    println!("{report}");
    report.assert_clean();
}

#[test]
fn it_has_under_80_lines() {
    assert!(include_str!("../src/store.rs").lines().count() < 80);
}
