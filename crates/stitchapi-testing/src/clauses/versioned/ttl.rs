//! The ttl of versioned values.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join;
use stitchapi_core::{Key, StoreErrorKind, Version};

use super::values::{expect_stored, versions};
use crate::harness::{ClauseResult, Expiry, Fixture, Lifetime, NotPassed, ensure, expect_error};

const VALUE: Bytes = Bytes::from_static(b"value");

/// Writes a value with `ttl` over the version `expected`, and returns its lifetime and its version.
async fn write(
    fixture: &Fixture,
    key: &Key,
    expected: Option<&Version>,
    ttl: Duration,
) -> Result<(Lifetime, Version), NotPassed> {
    let (versioned, [new]) = (fixture.first.versioned()?, versions(fixture));
    let mut is_written = false;
    let write = versioned.write_if(key, expected, &new, VALUE, Some(ttl));
    let lifetime = fixture.time_write(ttl, async { write.await.map(|written| is_written = written) }).await?;
    ensure!(is_written, "write_if over the stored version returned false");
    Ok((lifetime, new))
}

/// Watches until a value expires.
async fn watch(fixture: &Fixture, key: &Key, lifetime: Lifetime) -> Result<Expiry, NotPassed> {
    let versioned = fixture.second.versioned()?;
    fixture.watch_expiry(lifetime, || async { Ok(versioned.read(key).await?.is_some()) }).await
}

/// Writes a value with a short ttl and watches until it expires.
async fn write_and_watch(fixture: &Fixture) -> Result<Expiry, NotPassed> {
    let key = fixture.key("value");
    let (lifetime, _) = write(fixture, &key, None, fixture.short_ttl()).await?;
    watch(fixture, &key, lifetime).await
}

pub(crate) async fn not_late(fixture: Fixture) -> ClauseResult {
    match write_and_watch(&fixture).await? {
        Expiry::Late(after) => Err(NotPassed::Violated(format!(
            "a value with a ttl of {:?} was still readable after {after:?}",
            fixture.short_ttl()
        ))),
        Expiry::InTime | Expiry::Early(_) => Ok(()),
    }
}

pub(crate) async fn not_early(fixture: Fixture) -> ClauseResult {
    match write_and_watch(&fixture).await? {
        Expiry::Early(after) => Err(NotPassed::Violated(format!(
            "a value with a ttl of {:?} expired within {after:?}",
            fixture.short_ttl()
        ))),
        Expiry::InTime | Expiry::Late(_) => Ok(()),
    }
}

pub(crate) async fn without_ttl(fixture: Fixture) -> ClauseResult {
    let (versioned, [one, two]) = (fixture.first.versioned()?, versions(&fixture));
    let (fresh, cleared) = (fixture.key("fresh"), fixture.key("cleared"));
    versioned.write_if(&fresh, None, &one, VALUE, None).await?;
    let (_, before) = write(&fixture, &cleared, None, fixture.short_ttl()).await?;
    versioned.write_if(&cleared, Some(&before), &two, VALUE, None).await?;
    fixture.sleep_past(fixture.short_ttl()).await;
    let found = (versioned.read(&fresh).await?, versioned.read(&cleared).await?);
    fixture.store().delete(&fresh).await?;
    fixture.store().delete(&cleared).await?;
    ensure!(found.0.is_some(), "a value written without a ttl was absent after {:?}", fixture.short_ttl());
    ensure!(found.1.is_some(), "a value written again without a ttl expired with the ttl that it had before");
    Ok(())
}

pub(crate) async fn write_resets(fixture: Fixture) -> ClauseResult {
    let short = fixture.short_ttl();
    let rewrite = |name: &'static str, before: Duration| {
        let (fixture, key) = (&fixture, fixture.key(name));
        async move {
            let (_, version) = write(fixture, &key, None, before).await?;
            fixture.sleep(Duration::from_millis(75)).await;
            let (lifetime, _) = write(fixture, &key, Some(&version), short).await?;
            watch(fixture, &key, lifetime).await
        }
    };
    let (longer, shorter) = try_join(rewrite("longer", short), rewrite("shorter", Fixture::HOUR)).await?;
    for (expiry, before) in [(longer, short), (shorter, Fixture::HOUR)] {
        ensure!(
            expiry == Expiry::InTime,
            "a value written with a ttl of {short:?} over one with a ttl of {before:?} expired {expiry:?}"
        );
    }
    Ok(())
}

pub(crate) async fn unchanged_by_refused_write(fixture: Fixture) -> ClauseResult {
    let versioned = fixture.first.versioned()?;
    let rewrite = |name: &'static str, is_repeated: bool| {
        let (fixture, versioned, key, [other]) = (&fixture, &versioned, fixture.key(name), versions(&fixture));
        async move {
            let (lifetime, version) = write(fixture, &key, None, fixture.short_ttl()).await?;
            let new = if is_repeated { version } else { other };
            versioned.write_if(&key, None, &new, VALUE, Some(Fixture::HOUR)).await?;
            watch(fixture, &key, lifetime).await
        }
    };
    let (repeated, refused) = try_join(rewrite("repeated", true), rewrite("refused", false)).await?;
    for (expiry, write) in [(repeated, "repeated"), (refused, "refused")] {
        ensure!(
            expiry == Expiry::InTime,
            "a value with a ttl of {:?}, after a {write} write with a longer one, expired {expiry:?}",
            fixture.short_ttl()
        );
    }
    Ok(())
}

pub(crate) async fn zero(fixture: Fixture) -> ClauseResult {
    let (versioned, [before, new]) = (fixture.first.versioned()?, versions(&fixture));
    let (fresh, full) = (fixture.key("fresh"), fixture.key("full"));
    versioned.write_if(&full, None, &before, "before".into(), Some(Fixture::HOUR)).await?;
    for (key, expected) in [(&fresh, None), (&full, Some(&before))] {
        let written = versioned.write_if(key, expected, &new, VALUE, Some(Duration::ZERO)).await;
        expect_error(written, StoreErrorKind::InvalidConfig, "write_if with a ttl of zero")?;
    }
    expect_stored(&fixture, &fresh, None, "a refused write").await?;
    expect_stored(&fixture, &full, Some(("before", &before)), "a refused write").await
}
