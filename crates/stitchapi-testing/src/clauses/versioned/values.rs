//! Versioned values, without their ttl: a write succeeds only over the version that its writer expects.

use bytes::Bytes;
use futures_util::FutureExt;
use stitchapi_core::{Key, StoreError, Version, Versioned};

use crate::clauses::plain::values::{binary_values, expect_same_bytes};
use crate::harness::{ClauseResult, Fixture, ensure};

/// Returns `N` different versions.
pub(crate) fn versions<const N: usize>(fixture: &Fixture) -> [Version; N] {
    std::array::from_fn(|_| Version::random(fixture.runtime()))
}

/// Writes a value with a ttl of an hour.
async fn write(
    versioned: &dyn Versioned,
    key: &Key,
    expected: Option<&Version>,
    new: &Version,
    value: &'static str,
) -> Result<bool, StoreError> {
    versioned.write_if(key, expected, new, value.into(), Some(Fixture::HOUR)).await
}

/// Creates a value under an absent key.
async fn create(fixture: &Fixture, key: &Key, version: &Version, value: &'static str) -> ClauseResult {
    let is_written = write(&*fixture.first.versioned()?, key, None, version, value).await?;
    ensure!(is_written, "write_if of an absent value that expects none returned false");
    Ok(())
}

/// Checks the value and its version for both clients.
pub(crate) async fn expect_stored(
    fixture: &Fixture,
    key: &Key,
    expected: Option<(&str, &Version)>,
    after: &str,
) -> ClauseResult {
    let expected = expected.map(|(value, version)| (Bytes::copy_from_slice(value.as_bytes()), *version));
    for client in [&fixture.first, &fixture.second] {
        let found = client.versioned()?.read(key).await?;
        ensure!(found == expected, "read after {after} returned {found:?}, expected {expected:?}");
    }
    Ok(())
}

pub(crate) async fn absent(fixture: Fixture) -> ClauseResult {
    let found = fixture.first.versioned()?.read(&fixture.key("absent")).await?;
    ensure!(found.is_none(), "read of a key that was never written returned {found:?}");
    Ok(())
}

pub(crate) async fn creates(fixture: Fixture) -> ClauseResult {
    let (key, [version]) = (fixture.key("value"), versions(&fixture));
    create(&fixture, &key, &version, "one").await?;
    expect_stored(&fixture, &key, Some(("one", &version)), "the first write").await
}

pub(crate) async fn replaces(fixture: Fixture) -> ClauseResult {
    let (key, [one, two, three]) = (fixture.key("value"), versions(&fixture));
    create(&fixture, &key, &one, "one").await?;
    for (client, expected, new, value) in [(&fixture.second, &one, &two, "two"), (&fixture.first, &two, &three, "")] {
        let is_written = write(&*client.versioned()?, &key, Some(expected), new, value).await?;
        ensure!(is_written, "write_if over the stored version returned false");
        expect_stored(&fixture, &key, Some((value, new)), "a second write").await?;
    }
    Ok(())
}

pub(crate) async fn stale_version(fixture: Fixture) -> ClauseResult {
    let (versioned, key) = (fixture.second.versioned()?, fixture.key("value"));
    let [one, two, unknown, new] = versions(&fixture);
    create(&fixture, &key, &one, "one").await?;
    let is_written = write(&*versioned, &key, Some(&unknown), &new, "lost").await?;
    ensure!(!is_written, "write_if over a version that never existed returned true");
    expect_stored(&fixture, &key, Some(("one", &one)), "a write over a version that never existed").await?;
    write(&*versioned, &key, Some(&one), &two, "two").await?;
    let is_written = write(&*versioned, &key, Some(&one), &new, "lost").await?;
    ensure!(!is_written, "write_if over the previous version returned true");
    expect_stored(&fixture, &key, Some(("two", &two)), "a write over the previous version").await
}

pub(crate) async fn create_over_value(fixture: Fixture) -> ClauseResult {
    let (key, [one, new]) = (fixture.key("value"), versions(&fixture));
    create(&fixture, &key, &one, "one").await?;
    let is_written = write(&*fixture.second.versioned()?, &key, None, &new, "lost").await?;
    ensure!(!is_written, "write_if over a value that expects none returned true");
    expect_stored(&fixture, &key, Some(("one", &one)), "a write that expects no value").await
}

pub(crate) async fn replace_absent(fixture: Fixture) -> ClauseResult {
    let (key, [expected, new]) = (fixture.key("value"), versions(&fixture));
    let is_written = write(&*fixture.second.versioned()?, &key, Some(&expected), &new, "lost").await?;
    ensure!(!is_written, "write_if of an absent value that expects a version returned true");
    expect_stored(&fixture, &key, None, "a write that expects a version").await
}

pub(crate) async fn repeated_write(fixture: Fixture) -> ClauseResult {
    let (versioned, key) = (fixture.second.versioned()?, fixture.key("value"));
    let [one, two] = versions(&fixture);
    create(&fixture, &key, &one, "one").await?;
    let is_stored = write(&*versioned, &key, None, &one, "again").await?;
    ensure!(is_stored, "write_if that created the stored value returned false when it was repeated");
    expect_stored(&fixture, &key, Some(("one", &one)), "a repeated write").await?;
    write(&*versioned, &key, Some(&one), &two, "two").await?;
    for (expected, over) in [(Some(&one), "the previous version"), (Some(&two), "its own version"), (None, "none")] {
        let is_stored = write(&*versioned, &key, expected, &two, "again").await?;
        ensure!(is_stored, "write_if of the stored version returned false when it was repeated expecting {over}");
        expect_stored(&fixture, &key, Some(("two", &two)), "a repeated write").await?;
    }
    Ok(())
}

pub(crate) async fn concurrent(fixture: Fixture) -> ClauseResult {
    let (clients, key) = ([fixture.first.versioned()?, fixture.second.versioned()?], fixture.key("value"));
    let mut expected = None;
    for over in ["an absent value", "one version"] {
        let writes = versions::<16>(&fixture).into_iter().enumerate().map(|(writer, new)| {
            let (versioned, key) = (clients[writer % 2].clone(), key.clone());
            async move {
                let value = Bytes::copy_from_slice(new.as_bytes());
                let is_written = versioned.write_if(&key, expected.as_ref(), &new, value, Some(Fixture::HOUR)).await?;
                Ok::<_, StoreError>(is_written.then_some(new))
            }
        });
        let replies: Result<Vec<_>, _> = fixture.run_concurrently(writes).await?.into_iter().collect();
        let winners: Vec<_> = replies?.into_iter().flatten().collect();
        ensure!(winners.len() == 1, "write_if of 16 writers over {over} returned true to {} of them", winners.len());
        let found = clients[0].read(&key).await?;
        let winner = winners.first().map(|version| (Bytes::copy_from_slice(version.as_bytes()), *version));
        ensure!(found == winner, "write_if over {over} returned true for {winner:?}, read returned {found:?}");
        expected = winners.first().copied();
    }
    Ok(())
}

pub(crate) async fn unique_versions(fixture: Fixture) -> ClauseResult {
    let (versioned, key) = (fixture.second.versioned()?, fixture.key("value"));
    let [old, recreated, new] = versions(&fixture);
    create(&fixture, &key, &old, "old").await?;
    fixture.store().delete(&key).await?;
    create(&fixture, &key, &recreated, "recreated").await?;
    for (expected, new, operation) in [
        (Some(&old), &new, "write_if over the version of a deleted value"),
        (None, &old, "the repeated write_if of a deleted value"),
    ] {
        let is_written = write(&*versioned, &key, expected, new, "lost").await?;
        ensure!(!is_written, "{operation} returned true although the value was created again");
        expect_stored(&fixture, &key, Some(("recreated", &recreated)), operation).await?;
    }
    Ok(())
}

pub(crate) async fn keys_apart(fixture: Fixture) -> ClauseResult {
    let (one, other, versions) = (fixture.key("one"), fixture.key("other"), versions::<2>(&fixture));
    create(&fixture, &one, &versions[0], "one").await?;
    create(&fixture, &other, &versions[1], "other").await?;
    let versioned = fixture.first.versioned()?;
    let is_written = write(&*versioned, &other, Some(&versions[0]), &versions[0], "lost").await?;
    ensure!(!is_written, "write_if over the version of another key returned true");
    expect_stored(&fixture, &one, Some(("one", &versions[0])), "a write under another key").await?;
    expect_stored(&fixture, &other, Some(("other", &versions[1])), "a write over the version of another key").await
}

pub(crate) async fn empty_value(fixture: Fixture) -> ClauseResult {
    let (key, [empty, new]) = (fixture.key("empty"), versions(&fixture));
    create(&fixture, &key, &empty, "").await?;
    expect_stored(&fixture, &key, Some(("", &empty)), "the write of an empty value").await?;
    let is_written = write(&*fixture.first.versioned()?, &key, None, &new, "lost").await?;
    ensure!(!is_written, "write_if over an empty value that expects none returned true");
    expect_stored(&fixture, &key, Some(("", &empty)), "a write that expects no value").await
}

pub(crate) async fn any_bytes(fixture: Fixture) -> ClauseResult {
    let (versioned, key) = (fixture.first.versioned()?, fixture.key("bytes"));
    let mut expected = None;
    for (number, value) in binary_values(&fixture).enumerate() {
        let [random] = versions(&fixture);
        let binary_versions = [[0; 16], [0xff; 16], *b"\r\n' \0h w 1 2 3 4"];
        let new = binary_versions.get(number).map_or(random, |version| Version::from_bytes(*version));
        let ttl = Some(Fixture::HOUR);
        let is_written = versioned.write_if(&key, expected.as_ref(), &new, value.clone(), ttl).await?;
        ensure!(is_written, "write_if of {} bytes over the stored version {expected:?} returned false", value.len());
        let found = versioned.read(&key).await?;
        expect_same_bytes(found.as_ref().map(|(found, _)| found), &value, "read after write_if")?;
        let version = found.map(|(_, version)| version);
        ensure!(version == Some(new), "read after write_if of the version {new} returned the version {version:?}");
        expected = Some(new);
    }
    Ok(())
}

pub(crate) async fn delete(fixture: Fixture) -> ClauseResult {
    let (key, [one, two]) = (fixture.key("value"), versions(&fixture));
    create(&fixture, &key, &one, "one").await?;
    fixture.store().delete(&key).await?;
    expect_stored(&fixture, &key, None, "delete").await?;
    let is_written = write(&*fixture.second.versioned()?, &key, Some(&one), &two, "lost").await?;
    ensure!(!is_written, "write_if over a deleted version returned true");
    create(&fixture, &key, &two, "two").await?;
    expect_stored(&fixture, &key, Some(("two", &two)), "delete and a new value").await
}

pub(crate) async fn dropped(fixture: Fixture) -> ClauseResult {
    let (versioned, key) = (fixture.first.versioned()?, fixture.key("value"));
    let [mut latest] = versions(&fixture);
    create(&fixture, &key, &latest, "before").await?;
    for _ in 0..4 {
        let [new] = versions(&fixture);
        // `now_or_never` polls the operation once and drops it.
        drop(write(&*versioned, &key, Some(&latest), &new, "after").now_or_never());
        drop(versioned.read(&key).now_or_never());
        let found = versioned.read(&key).await?;
        let is_done = found.as_ref().is_some_and(|(_, version)| *version == new);
        let is_whole = found.as_ref().is_some_and(|(value, version)| match &**value {
            b"after" => is_done || *version == latest,
            value => value == b"before" && *version == latest,
        });
        ensure!(is_whole, "a dropped write_if left {found:?}");
        latest = if is_done { new } else { latest };
    }
    let [new] = versions(&fixture);
    let is_written = write(&*versioned, &key, Some(&latest), &new, "last").await?;
    ensure!(is_written, "after dropped operations, write_if over the stored version returned false");
    expect_stored(&fixture, &key, Some(("last", &new)), "dropped writes and another write").await
}
