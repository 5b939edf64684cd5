//! Running every clause.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use stitchapi_core::{BoxFuture, Runtime, StitchStore};

use super::scene::Client;
use super::{Scene, Trouble};
use crate::{Clause, ContractOptions, ContractReport, Outcome};

/// A clause that takes longer is violated: the store hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs every clause of the contract of [`StitchStore`] and its facets, and says what became of each.
///
/// * Every call of `make` opens **another client of one and the same backend** (a
///   [`MemoryStore`](stitchapi_core::MemoryStore) is cloned). It is called twice.
/// * Clauses run one after the other, each on random keys of its own: nothing is flushed, and what else is in the
///   backend stays as it is. What a clause leaves behind ends within hours by its ttl.
/// * Time, tasks and chance are the [`ContractOptions`]' runtime's. A clause waits up to a second and a half and is given 30 s,
///   both times the time scale; then it is violated.
/// * A ttl may end 20 ms early and be seen 100 ms late, both times the time scale.
///
/// Dropped: the keys of the clause under way stay behind.
///
/// # Panics
///
/// It does not panic by itself, whatever the store does; a store that panics is not caught.
pub async fn verify_store_contract(
    make: impl Fn() -> BoxFuture<'static, Arc<dyn StitchStore>> + Send + Sync,
    options: ContractOptions,
) -> ContractReport {
    let (first, second) = (Client::new(make().await), Client::new(make().await));
    let options = Arc::new(options);
    let mut report = ContractReport::new(first.store.name());
    for clause in Clause::all() {
        let scene = Scene::new(first.clone(), second.clone(), options.clone());
        let outcome = within(&*options.runtime, options.scaled(PATIENCE), clause.check(scene)).await;
        report.push(clause, outcome);
    }
    report
}

async fn within(runtime: &dyn Runtime, patience: Duration, check: BoxFuture<'static, Result<(), Trouble>>) -> Outcome {
    match select(check, runtime.sleep_until(runtime.now() + patience)).await {
        Either::Left((Ok(()), _)) => Outcome::Passed,
        Either::Left((Err(Trouble::Violated(seen)), _)) => Outcome::Violated(seen),
        Either::Left((Err(Trouble::Skipped(why)), _)) => Outcome::Skipped(why),
        Either::Left((Err(Trouble::NotApplicable(why)), _)) => Outcome::NotApplicable(why),
        Either::Right(_) => Outcome::Violated(format!("no end within {patience:?}")),
    }
}
