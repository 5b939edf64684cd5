//! Plain values, without their ttl.

use bytes::Bytes;
use futures_util::FutureExt;

use crate::harness::{ClauseResult, Fixture, ensure};

pub(crate) async fn absent(fixture: Fixture) -> ClauseResult {
    let found = fixture.store().get(&fixture.key("absent")).await?;
    ensure!(found.is_none(), "get of a key that was never set returned {found:?}");
    Ok(())
}

pub(crate) async fn get_after_set(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("value");
    fixture.put(&key, b"one").await?;
    for client in [&fixture.first, &fixture.second] {
        let found = client.store.get(&key).await?;
        ensure!(found.as_deref() == Some(b"one"), "get after set of \"one\" returned {found:?}");
    }
    Ok(())
}

pub(crate) async fn overwrite(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("value");
    fixture.put(&key, b"the first value").await?;
    fixture.put(&key, b"second").await?;
    let found = fixture.second.store.get(&key).await?;
    ensure!(found.as_deref() == Some(b"second"), "get after a second set of \"second\" returned {found:?}");
    Ok(())
}

pub(crate) async fn empty_value(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("empty");
    fixture.put(&key, b"").await?;
    let found = fixture.store().get(&key).await?;
    ensure!(found == Some(Bytes::new()), "get after set of an empty value returned {found:?}");
    fixture.put(&key, b"full").await?;
    fixture.put(&key, b"").await?;
    let found = fixture.store().get(&key).await?;
    ensure!(found == Some(Bytes::new()), "get after an empty value replaced another one returned {found:?}");
    Ok(())
}

/// Returns values with all kinds of bytes, each cut to the store's `max_value`.
pub(crate) fn binary_values(fixture: &Fixture) -> impl Iterator<Item = Bytes> {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let long: Vec<u8> = every_byte.iter().rev().copied().cycle().take(60_000).collect();
    let texts: [&[u8]; 6] = [b"\0", b"\xff\xfe", b"\r\n", b" padded ", b"'; drop table values; --", b"42"];
    let max_value = fixture.store().limits().max_value;
    let values = [Bytes::from(every_byte), long.into()].into_iter().chain(texts.map(Bytes::from_static));
    values.map(move |value| value.slice(..value.len().min(max_value)))
}

/// Checks that a value was returned as it was stored, without printing all of it.
pub(crate) fn expect_same_bytes(found: Option<&Bytes>, stored: &Bytes, operation: &str) -> ClauseResult {
    let first_difference = || found.into_iter().flatten().zip(stored).position(|(found, stored)| found != stored);
    ensure!(
        found == Some(stored),
        "{operation} of {} bytes returned {:?} bytes, first difference at {:?}",
        stored.len(),
        found.map(Bytes::len),
        first_difference()
    );
    Ok(())
}

pub(crate) async fn any_bytes(fixture: Fixture) -> ClauseResult {
    for value in binary_values(&fixture) {
        let key = fixture.key("bytes");
        fixture.put(&key, &value).await?;
        expect_same_bytes(fixture.store().get(&key).await?.as_ref(), &value, "get after set")?;
    }
    Ok(())
}

pub(crate) async fn delete(fixture: Fixture) -> ClauseResult {
    let (key, other) = (fixture.key("value"), fixture.key("other"));
    fixture.put(&key, b"one").await?;
    fixture.put(&other, b"two").await?;
    fixture.store().delete(&key).await?;
    for client in [&fixture.first, &fixture.second] {
        let found = client.store.get(&key).await?;
        ensure!(found.is_none(), "get after delete returned {found:?}");
    }
    let found = fixture.store().get(&other).await?;
    ensure!(found.as_deref() == Some(b"two"), "get of another key after a delete returned {found:?}");
    Ok(())
}

pub(crate) async fn delete_absent(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("value");
    fixture.store().delete(&key).await?;
    fixture.put(&key, b"one").await?;
    fixture.store().delete(&key).await?;
    fixture.store().delete(&key).await?;
    Ok(())
}

pub(crate) async fn dropped(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("value");
    fixture.put(&key, b"before").await?;
    for _ in 0..4 {
        // `now_or_never` polls the operation once and drops it.
        drop(fixture.store().set(&key, "after".into(), Some(Fixture::HOUR)).now_or_never());
        drop(fixture.store().get(&key).now_or_never());
        let found = fixture.store().get(&key).await?;
        ensure!(
            matches!(found.as_deref(), Some(b"before" | b"after")),
            "a dropped set of \"after\" over \"before\" left {found:?}"
        );
    }
    let other = fixture.key("other");
    fixture.put(&other, b"one").await?;
    let found = fixture.store().get(&other).await?;
    ensure!(found.as_deref() == Some(b"one"), "after dropped operations, get after set of \"one\" returned {found:?}");
    Ok(())
}
