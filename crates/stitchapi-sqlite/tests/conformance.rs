//! Runs the contract kit with four processes on one file.

use std::path::Path;
use std::sync::Arc;

use stitchapi_core::{BoxFuture, Prefix, StitchStore};
use stitchapi_sqlite::SqliteStore;
use stitchapi_testing::{ContractOptions, StdRuntime, TestBinary, verify_store_contract};

const FILE: &str = "STITCHAPI_SQLITE_FILE";

fn open(path: impl AsRef<Path>) -> SqliteStore {
    SqliteStore::open(path).unwrap_or_else(|error| panic!("{error:?}"))
}

#[test]
fn the_file_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.db");
    let runtime = Arc::new(StdRuntime::new());
    let file = path.to_str().unwrap().to_owned();
    let (plain, prefixed) = (path.clone(), path);
    let options = ContractOptions::new(runtime.clone())
        .prefixed(move |prefix: Prefix| -> BoxFuture<'static, Arc<dyn StitchStore>> {
            let store = open(&prefixed).with_prefix(prefix);
            Box::pin(async { Arc::new(store) as _ })
        })
        .processes(TestBinary::new("another_process").env(FILE, file), 4)
        .cannot_lose_ttl("the deadline of a value of a facet is inside the value")
        .cannot_set_clock("facets use the machine's boot clock, which cannot be set");
    let make = move || -> BoxFuture<'static, Arc<dyn StitchStore>> {
        let store = open(&plain);
        Box::pin(async { Arc::new(store) as _ })
    };
    let report = runtime.block_on(verify_store_contract(make, options));
    println!("{report}");
    report.assert_clean();
}

#[test]
fn another_process() {
    let Some(part) = TestBinary::part() else { return };
    let runtime = StdRuntime::new();
    let store = Arc::new(open(std::env::var(FILE).unwrap()));
    TestBinary::reply(&runtime.block_on(part.run(store, Arc::new(runtime))));
}
