//! The report on a store without facets, and on clauses whose help was not provided.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{BoxFuture, Key, MemoryStore, StitchStore, StoreError, StoreLimits, async_trait};
use stitchapi_testing::{ContractOptions, ContractReport, Facet, SimRuntime, verify_store_contract};

/// A store that has no facets.
#[derive(Debug, Clone)]
struct Plain(MemoryStore);

#[async_trait]
impl StitchStore for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }
    fn limits(&self) -> StoreLimits {
        self.0.limits()
    }
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.0.get(key).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.0.set(key, value, ttl).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.0.delete(key).await
    }
}

fn report(store: impl Fn(MemoryStore) -> Arc<dyn StitchStore> + Send + Sync) -> ContractReport {
    let sim = SimRuntime::new(1);
    let memory = MemoryStore::with_clock_of(Arc::new(sim.clone()));
    let make = || {
        let store = store(memory.clone());
        Box::pin(async move { store }) as BoxFuture<'static, _>
    };
    sim.block_on(verify_store_contract(make, ContractOptions::new(Arc::new(sim.clone()))))
}

#[test]
fn the_clauses_of_a_missing_facet_are_not_applicable() {
    let report = report(|memory| Arc::new(Plain(memory)));
    assert!(report.violated().next().is_none(), "{report}");
    assert!(report.passed().all(|clause| clause.facet() == Facet::Plain), "{report}");
    assert!(report.not_applicable().all(|(clause, why)| {
        let expected = match clause.facet() {
            Facet::Plain => return why.starts_with("`StoreLimits::max_"),
            Facet::Counter => "the store has no counter",
            Facet::Pacer => "the store has no pacer",
            Facet::Leases => "the store has no leases",
            Facet::Versioned => "the store has no versioned values",
            _ => return false,
        };
        why == expected
    }));
    let skipped: Vec<_> = report.skipped().map(|(clause, _)| clause.id()).collect();
    assert_eq!(skipped, ["key/prefixes", "plain/clock-back"]);
}

#[test]
fn a_clause_whose_help_was_not_provided_is_skipped() {
    let report = report(|memory| Arc::new(memory));
    let skipped: Vec<_> = report.skipped().map(|(clause, _)| clause.id()).collect();
    let processes = ["pacer/processes", "leases/processes", "versioned/processes"];
    let clock = ["plain", "counter", "pacer", "leases", "versioned"].map(|facet| format!("{facet}/clock-back"));
    let expected = [&["key/prefixes", "counter/processes", "counter/lost-ttl"][..], &processes].concat();
    let expected: Vec<_> = expected.into_iter().chain(clock.iter().map(String::as_str)).collect();
    assert_eq!(skipped, expected);
    assert!(!report.is_clean());
}
