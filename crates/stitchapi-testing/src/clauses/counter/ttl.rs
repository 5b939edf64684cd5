//! The ttl of counters.

use std::time::Duration;

use stitchapi_core::{Key, StoreErrorKind};

use crate::harness::{ClauseResult, Expiry, Fixture, NotPassed, ensure, expect_error};

pub(crate) async fn zero(fixture: Fixture) -> ClauseResult {
    let (counter, key, operation) = (fixture.first.counter()?, fixture.key("count"), "incr with a ttl of zero");
    expect_error(counter.incr(&key, Duration::ZERO).await, StoreErrorKind::InvalidConfig, operation)?;
    let first = counter.incr(&key, Fixture::HOUR).await?;
    expect_error(counter.incr(&key, Duration::ZERO).await, StoreErrorKind::InvalidConfig, operation)?;
    let second = counter.incr(&key, Fixture::HOUR).await?;
    ensure!((first, second) == (1, 2), "between refused calls incr returned {first} and {second}, expected 1 and 2");
    Ok(())
}

/// Increments with the ttl `first`, then with the ttl `next` until the counter restarts at 1; `first` is the ttl expected.
async fn watch(fixture: &Fixture, key: &Key, first: Duration, next: Duration) -> Result<Expiry, NotPassed> {
    let counter = fixture.first.counter()?;
    let lifetime = fixture.time_write(first, counter.incr(key, first)).await?;
    fixture.watch_expiry(lifetime, || async { Ok(counter.incr(key, next).await? > 1) }).await
}

pub(crate) async fn not_early(fixture: Fixture) -> ClauseResult {
    let ttl = fixture.short_ttl();
    match watch(&fixture, &fixture.key("count"), ttl, ttl).await? {
        Expiry::Early(after) => {
            Err(NotPassed::Violated(format!("a counter with a ttl of {ttl:?} restarted within {after:?}")))
        }
        Expiry::InTime | Expiry::Late(_) => Ok(()),
    }
}

pub(crate) async fn set_by_creator(fixture: Fixture) -> ClauseResult {
    let ttl = fixture.short_ttl();
    for (name, next) in [("same", ttl), ("longer", Fixture::HOUR)] {
        if let Expiry::Late(after) = watch(&fixture, &fixture.key(name), ttl, next).await? {
            return Err(NotPassed::Violated(format!(
                "a counter created with a ttl of {ttl:?} and incremented with {next:?} had not restarted after {after:?}"
            )));
        }
    }
    Ok(())
}

pub(crate) async fn restarts(fixture: Fixture) -> ClauseResult {
    let (counter, key, ttl) = (fixture.first.counter()?, fixture.key("count"), fixture.short_ttl());
    for lifetime in 1..=3 {
        let begun = fixture.runtime().now();
        let counts = (counter.incr(&key, ttl).await?, counter.incr(&key, ttl).await?);
        if counts == (1, 1) && fixture.runtime().now() > begun + ttl / 2 {
            return Err(NotPassed::too_slow());
        }
        ensure!(counts == (1, 2), "in its lifetime number {lifetime} the counter began with {counts:?}");
        fixture.sleep_past(ttl).await;
    }
    Ok(())
}

pub(crate) async fn lost(fixture: Fixture) -> ClauseResult {
    let (counter, key, ttl) = (fixture.first.counter()?, fixture.key("count"), fixture.short_ttl());
    let strip_ttl = fixture.options.get_strip_ttl()?;
    counter.incr(&key, Fixture::HOUR).await?;
    strip_ttl(key.clone()).await;
    let expiry = watch(&fixture, &key, ttl, Fixture::HOUR).await?;
    ensure!(
        expiry == Expiry::InTime,
        "a counter without a ttl, incremented with a ttl of {ttl:?}, restarted {expiry:?}"
    );
    Ok(())
}
