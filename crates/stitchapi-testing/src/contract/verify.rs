//! Runs every clause.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use stitchapi_core::{BoxFuture, Runtime, StitchStore};

use super::clause::Clause;
use super::report::{ContractReport, Outcome};
use crate::harness::{ClauseResult, Client, ContractOptions, Fixture, NotPassed};

/// Maximum duration of a clause. A clause that takes longer is violated: the store hangs.
const MAX_DURATION: Duration = Duration::from_secs(30);

/// Runs every clause of the contract of [`StitchStore`] and its facets, and reports the outcome of each.
///
/// * Every call of `make` opens **another client of one and the same backend**; a
///   [`MemoryStore`](stitchapi_core::MemoryStore) is cloned. The kit calls it twice.
/// * Clauses run one after the other, each on random keys of its own. Nothing is flushed, and other content of the backend
///   stays as it is. What a clause leaves in the backend expires within hours by its ttl.
/// * Time, tasks and random numbers come from the runtime in [`ContractOptions`]. A clause waits for up to 1.5 s and must
///   end within 30 s, both times the time scale.
/// * A ttl may end 20 ms early and the value may be read for another 100 ms, both times the time scale.
///
/// If the future is dropped, the keys of the clause under way stay in the backend until their ttl ends.
///
/// # Panics
///
/// The kit itself does not panic, whatever the store returns. It does not catch a panic of the store.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use stitchapi_core::{BoxFuture, MemoryStore, StitchStore};
/// use stitchapi_testing::{ContractOptions, SimRuntime, verify_store_contract};
///
/// fn open(store: &MemoryStore) -> BoxFuture<'static, Arc<dyn StitchStore>> {
///     let store = Arc::new(store.clone());
///     Box::pin(async move { store as Arc<dyn StitchStore> })
/// }
///
/// let sim = SimRuntime::new(1);
/// let store = MemoryStore::with_clock_of(Arc::new(sim.clone()));
/// let prefixed = store.clone();
/// let options = ContractOptions::new(Arc::new(sim.clone()))
///     .prefixed(move |prefix| open(&prefixed.with_prefix(prefix)))
///     .single_process("a memory store lives in one process")
///     .cannot_lose_ttl("the deadline is part of the entry")
///     .cannot_set_clock("the virtual clock only moves forward");
/// let report = sim.block_on(verify_store_contract(move || open(&store), options));
/// report.assert_clean();
/// ```
pub async fn verify_store_contract(
    make: impl Fn() -> BoxFuture<'static, Arc<dyn StitchStore>> + Send + Sync,
    options: ContractOptions,
) -> ContractReport {
    let (first, second) = (Client::new(make().await), Client::new(make().await));
    let options = Arc::new(options);
    let mut report = ContractReport::new(first.store.name());
    for clause in Clause::all() {
        let fixture = Fixture::new(first.clone(), second.clone(), options.clone());
        let check = clause.check(fixture);
        let outcome = run_within(&*options.runtime, options.scaled(MAX_DURATION), check).await;
        report.push(clause, outcome);
    }
    report
}

async fn run_within(runtime: &dyn Runtime, max_duration: Duration, check: BoxFuture<'static, ClauseResult>) -> Outcome {
    match select(check, runtime.sleep_until(runtime.now() + max_duration)).await {
        Either::Left((Ok(()), _)) => Outcome::Passed,
        Either::Left((Err(NotPassed::Violated(observed)), _)) => Outcome::Violated(observed),
        Either::Left((Err(NotPassed::Skipped(why)), _)) => Outcome::Skipped(why),
        Either::Left((Err(NotPassed::NotApplicable(why)), _)) => Outcome::NotApplicable(why),
        Either::Right(_) => Outcome::Violated(format!("the clause did not end within {max_duration:?}")),
    }
}
