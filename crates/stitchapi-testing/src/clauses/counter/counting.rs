//! Counting, without the ttl.

use std::sync::Arc;

use stitchapi_core::Counter;

use crate::harness::{ClauseResult, Fixture, ensure};

pub(crate) async fn starts_at_one(fixture: Fixture) -> ClauseResult {
    let (counter, key) = (fixture.first.counter()?, fixture.key("count"));
    for expected in 1..=3 {
        let count = counter.incr(&key, Fixture::HOUR).await?;
        ensure!(count == expected, "incr number {expected} returned {count}");
    }
    Ok(())
}

pub(crate) async fn keys_apart(fixture: Fixture) -> ClauseResult {
    let counter = fixture.first.counter()?;
    for expected in 1..=2 {
        for name in ["one", "other"] {
            let count = counter.incr(&fixture.key(name), Fixture::HOUR).await?;
            ensure!(count == expected, "incr number {expected} of the key {name:?} returned {count}");
        }
    }
    Ok(())
}

pub(crate) async fn concurrent(fixture: Fixture) -> ClauseResult {
    let counter = fixture.first.counter()?;
    expect_exact_counts(&fixture, (0..64).map(|_| counter.clone())).await
}

pub(crate) async fn two_clients(fixture: Fixture) -> ClauseResult {
    let clients = [fixture.first.counter()?, fixture.second.counter()?];
    expect_exact_counts(&fixture, (0..64).map(|caller| clients[caller % 2].clone())).await
}

/// Lets every caller count once at the same time, and checks that the counts are 1 to N, each once.
async fn expect_exact_counts(fixture: &Fixture, callers: impl Iterator<Item = Arc<dyn Counter>>) -> ClauseResult {
    let calls = callers.map(|counter| {
        let key = fixture.key("count");
        async move { counter.incr(&key, Fixture::HOUR).await }
    });
    let counts: Result<Vec<_>, _> = fixture.run_concurrently(calls).await?.into_iter().collect();
    let mut counts = counts?;
    counts.sort_unstable();
    ensure!(
        counts.iter().copied().eq(1..=counts.len() as u64),
        "incr of {} callers at once returned {counts:?}",
        counts.len()
    );
    Ok(())
}

pub(crate) async fn delete(fixture: Fixture) -> ClauseResult {
    let (counter, key) = (fixture.first.counter()?, fixture.key("count"));
    counter.incr(&key, Fixture::HOUR).await?;
    counter.incr(&key, Fixture::HOUR).await?;
    fixture.store().delete(&key).await?;
    let count = fixture.second.counter()?.incr(&key, Fixture::HOUR).await?;
    ensure!(count == 1, "incr after delete returned {count}");
    Ok(())
}
