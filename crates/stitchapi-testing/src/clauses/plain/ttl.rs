//! The ttl of plain values.

use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{Key, StitchStore, StoreError, StoreErrorKind};

use crate::harness::{ClauseResult, Expiry, Fixture, Lifetime, NotPassed, ensure, expect_error};

const VALUE: Bytes = Bytes::from_static(b"value");

async fn is_live(store: &dyn StitchStore, key: &Key) -> Result<bool, StoreError> {
    Ok(store.get(key).await?.is_some())
}

async fn set(fixture: &Fixture, key: &Key, ttl: Duration) -> Result<Lifetime, NotPassed> {
    fixture.time_write(ttl, fixture.store().set(key, VALUE, Some(ttl))).await
}

/// Sets a value with a short ttl and watches until it expires.
async fn watch(fixture: &Fixture) -> Result<Expiry, NotPassed> {
    let key = fixture.key("value");
    let lifetime = set(fixture, &key, fixture.short_ttl()).await?;
    fixture.watch_expiry(lifetime, || is_live(&*fixture.second.store, &key)).await
}

pub(crate) async fn not_late(fixture: Fixture) -> ClauseResult {
    match watch(&fixture).await? {
        Expiry::Late(after) => Err(NotPassed::Violated(format!(
            "a value with a ttl of {:?} was still readable after {after:?}",
            fixture.short_ttl()
        ))),
        Expiry::InTime | Expiry::Early(_) => Ok(()),
    }
}

pub(crate) async fn not_early(fixture: Fixture) -> ClauseResult {
    match watch(&fixture).await? {
        Expiry::Early(after) => Err(NotPassed::Violated(format!(
            "a value with a ttl of {:?} expired within {after:?}",
            fixture.short_ttl()
        ))),
        Expiry::InTime | Expiry::Late(_) => Ok(()),
    }
}

pub(crate) async fn without_ttl(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("value");
    fixture.store().set(&key, VALUE, None).await?;
    fixture.sleep_past(fixture.short_ttl() * 2).await;
    let is_live = is_live(fixture.store(), &key).await?;
    fixture.store().delete(&key).await?;
    ensure!(is_live, "a value without a ttl was absent after {:?}", fixture.short_ttl() * 2);
    Ok(())
}

pub(crate) async fn set_resets(fixture: Fixture) -> ClauseResult {
    let (longer, shorter) = (fixture.key("longer"), fixture.key("shorter"));
    let short = fixture.short_ttl();
    for (key, before, after) in [(&longer, short, short * 2), (&shorter, Fixture::HOUR, short)] {
        set(&fixture, key, before).await?;
        fixture.sleep(Duration::from_millis(75)).await;
        let lifetime = set(&fixture, key, after).await?;
        let expiry = fixture.watch_expiry(lifetime, || is_live(fixture.store(), key)).await?;
        ensure!(
            expiry == Expiry::InTime,
            "a value set with a ttl of {after:?} over one with a ttl of {before:?} expired {expiry:?}"
        );
    }
    Ok(())
}

pub(crate) async fn set_clears(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("value");
    set(&fixture, &key, fixture.short_ttl()).await?;
    fixture.store().set(&key, VALUE, None).await?;
    fixture.sleep_past(fixture.short_ttl()).await;
    let is_live = is_live(fixture.store(), &key).await?;
    fixture.store().delete(&key).await?;
    ensure!(is_live, "a value set again without a ttl expired with the ttl that it had before");
    Ok(())
}

pub(crate) async fn decades(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("value");
    fixture.store().set(&key, VALUE, Some(Fixture::HOUR * 24 * 365 * 50)).await?;
    let at_once = is_live(fixture.store(), &key).await?;
    fixture.sleep(Duration::from_millis(20)).await;
    let later = is_live(fixture.store(), &key).await?;
    fixture.store().delete(&key).await?;
    ensure!(at_once && later, "a value with a ttl of 50 years is absent");
    Ok(())
}

pub(crate) async fn zero(fixture: Fixture) -> ClauseResult {
    let (fresh, full) = (fixture.key("fresh"), fixture.key("full"));
    fixture.put(&full, b"before").await?;
    for key in [&fresh, &full] {
        let set = fixture.store().set(key, VALUE, Some(Duration::ZERO)).await;
        expect_error(set, StoreErrorKind::InvalidConfig, "set with a ttl of zero")?;
    }
    let found = (fixture.store().get(&fresh).await?, fixture.store().get(&full).await?);
    ensure!(
        found.0.is_none() && found.1.as_deref() == Some(b"before"),
        "a refused set left {found:?}, expected nothing and \"before\""
    );
    Ok(())
}
