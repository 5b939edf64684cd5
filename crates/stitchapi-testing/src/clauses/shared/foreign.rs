//! Keys that belong to another facet.
//!
//! An operation of one facet on a value of another one fails with [`Corrupt`] and leaves the value as it was. Each clause
//! creates a value, runs every operation of the wrong facet on it, and checks that the value is unchanged.

use std::time::Duration;

use stitchapi_core::StoreErrorKind::Corrupt;
use stitchapi_core::pace::ReserveRequest;
use stitchapi_core::{Key, StoreTime};

use crate::clauses::leases::lease_key::{LeaseKey, owners};
use crate::clauses::pacer::requests;
use crate::clauses::versioned::values::{expect_stored, versions};
use crate::harness::{ClauseResult, Fixture, ensure, expect_error};

/// Plain values that one store or another might read as a counter.
const LIKE_COUNTERS: &[&[u8]] =
    &[b"", b"41", b"hello", &[0, 0, 0, 0, 0, 0, 0, 41], b"c\x01\xff\xff\xff\xff\xff\xff\xff\xff"];

/// Plain values that a store might read as a cell: one of this format, one of a newer format, and others.
const LIKE_CELLS: &[&[u8]] =
    &[b"1 000000000000feed 9 0 0 0 5000 6 calls 60000000 6 7 1 8 42 2", b"2 a newer format", b"", b"{}", b"\xff\xfe"];

/// Plain values that a store might read as leases.
const LIKE_LEASES: &[&[u8]] =
    &[b"1 9 h abababababababababababababababab 9 9007199254740991", b"1 9", b"2 a newer format", b"", b"\xff\xfe"];

/// Plain values that a store might read as a version, with or without a value.
const LIKE_VERSIONED: &[&[u8]] = &[b"a version's size", b"a version's size, and a value", b"short", b"", &[0; 40]];

pub(crate) async fn plain_on_counter(fixture: Fixture) -> ClauseResult {
    let (counter, key) = (fixture.first.counter()?, fixture.key("count"));
    counter.incr(&key, Fixture::HOUR).await?;
    expect_plain_refused(&fixture, &key, "a counter").await?;
    let count = counter.incr(&key, Fixture::HOUR).await?;
    ensure!(count == 2, "incr after a refused set returned {count}");
    Ok(())
}

pub(crate) async fn plain_on_cell(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let request = requests::slow(&fixture).with_calls(1);
    pacer.reserve(&key, &request).await?;
    expect_plain_refused(&fixture, &key, "a cell").await?;
    let reply = pacer.reserve(&key, &ReserveRequest { epoch_if_new: !request.epoch_if_new, ..request.clone() }).await?;
    ensure!(reply.cell.epoch == request.epoch_if_new, "a refused set changed the cell");
    Ok(())
}

pub(crate) async fn plain_on_lease(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder, other] = owners(&fixture);
    let fence = leases.expect_granted(&holder, "of a free lease").await?;
    expect_plain_refused(&fixture, &leases.key, "a lease").await?;
    leases.expect_busy(&other, "after a refused set").await?;
    let again = leases.try_acquire(&holder).await?;
    ensure!(again == Some(fence), "after a refused set, acquire by the holder of fence {fence} returned {again:?}");
    Ok(())
}

pub(crate) async fn plain_on_versioned(fixture: Fixture) -> ClauseResult {
    let (key, [version]) = (fixture.key("value"), versions(&fixture));
    let versioned = fixture.first.versioned()?;
    versioned.write_if(&key, None, &version, "one".into(), Some(Fixture::HOUR)).await?;
    expect_plain_refused(&fixture, &key, "a versioned value").await?;
    expect_stored(&fixture, &key, Some(("one", &version)), "a refused set").await
}

/// Checks that `get` and `set` of another facet's value are refused.
async fn expect_plain_refused(fixture: &Fixture, key: &Key, on: &str) -> ClauseResult {
    expect_error(fixture.store().get(key).await, Corrupt, &format!("get of {on}"))?;
    expect_error(fixture.store().set(key, "7".into(), None).await, Corrupt, &format!("set of {on}"))
}

pub(crate) async fn counter_on_plain(fixture: Fixture) -> ClauseResult {
    let counter = fixture.first.counter()?;
    for (number, value) in LIKE_COUNTERS.iter().enumerate() {
        let key = fixture.key(number.to_string());
        fixture.put(&key, value).await?;
        let incr = counter.incr(&key, Fixture::HOUR).await;
        expect_error(incr, Corrupt, &format!("incr on the value \"{}\"", value.escape_ascii()))?;
        expect_unchanged(&fixture, &key, value).await?;
    }
    Ok(())
}

pub(crate) async fn pacer_on_plain(fixture: Fixture) -> ClauseResult {
    fixture.first.pacer()?;
    for (number, value) in LIKE_CELLS.iter().enumerate() {
        let key = fixture.key(number.to_string());
        fixture.put(&key, value).await?;
        expect_pacer_refused(&fixture, &key, &format!("the value \"{}\"", value.escape_ascii())).await?;
        expect_unchanged(&fixture, &key, value).await?;
    }
    Ok(())
}

pub(crate) async fn leases_on_plain(fixture: Fixture) -> ClauseResult {
    fixture.first.leases()?;
    for (number, value) in LIKE_LEASES.iter().enumerate() {
        let key = fixture.key(number.to_string());
        fixture.put(&key, value).await?;
        expect_leases_refused(&fixture, &key, &format!("the value \"{}\"", value.escape_ascii())).await?;
        expect_unchanged(&fixture, &key, value).await?;
    }
    Ok(())
}

pub(crate) async fn versioned_on_plain(fixture: Fixture) -> ClauseResult {
    fixture.first.versioned()?;
    for (number, value) in LIKE_VERSIONED.iter().enumerate() {
        let key = fixture.key(number.to_string());
        fixture.put(&key, value).await?;
        expect_versioned_refused(&fixture, &key, &format!("the value \"{}\"", value.escape_ascii())).await?;
        expect_unchanged(&fixture, &key, value).await?;
    }
    Ok(())
}

async fn expect_unchanged(fixture: &Fixture, key: &Key, value: &[u8]) -> ClauseResult {
    let found = fixture.store().get(key).await?;
    ensure!(
        found.as_deref() == Some(value),
        "a refused operation changed the value \"{}\" to {found:?}",
        value.escape_ascii()
    );
    Ok(())
}

pub(crate) async fn pacer_and_counter(fixture: Fixture) -> ClauseResult {
    let (pacer, counter) = (fixture.first.pacer()?, fixture.first.counter()?);
    let (cell, count) = (fixture.key("cell"), fixture.key("count"));
    let request = requests::slow(&fixture).with_calls(1);
    pacer.reserve(&cell, &request).await?;
    counter.incr(&count, Fixture::HOUR).await?;
    expect_error(counter.incr(&cell, Fixture::HOUR).await, Corrupt, "incr on a cell")?;
    expect_pacer_refused(&fixture, &count, "a counter").await?;
    let epoch = pacer.reserve(&cell, &requests::slow(&fixture)).await?.cell.epoch;
    let counted = counter.incr(&count, Fixture::HOUR).await?;
    ensure!((epoch, counted) == (request.epoch_if_new, 2), "a refused operation changed the cell or the counter");
    Ok(())
}

pub(crate) async fn leases_and_others(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder] = owners(&fixture);
    let fence = leases.expect_granted(&holder, "of a free lease").await?;
    if let Ok(counter) = fixture.first.counter() {
        let key = fixture.key("count");
        counter.incr(&key, Fixture::HOUR).await?;
        expect_leases_refused(&fixture, &key, "a counter").await?;
        expect_error(counter.incr(&leases.key, Fixture::HOUR).await, Corrupt, "incr on a lease")?;
        let count = counter.incr(&key, Fixture::HOUR).await?;
        ensure!(count == 2, "after refused lease operations, incr returned {count}");
    }
    if let Ok(pacer) = fixture.first.pacer() {
        let (key, request) = (fixture.key("cell"), requests::slow(&fixture).with_calls(1));
        pacer.reserve(&key, &request).await?;
        expect_leases_refused(&fixture, &key, "a cell").await?;
        expect_pacer_refused(&fixture, &leases.key, "a lease").await?;
        let epoch = pacer.reserve(&key, &requests::slow(&fixture)).await?.cell.epoch;
        ensure!(epoch == request.epoch_if_new, "a refused lease operation changed the cell");
    }
    let again = leases.try_acquire(&holder).await?;
    ensure!(
        again == Some(fence),
        "after refused operations, acquire by the holder of fence {fence} returned {again:?}"
    );
    Ok(())
}

pub(crate) async fn versioned_and_others(fixture: Fixture) -> ClauseResult {
    let (versioned, value, [version]) = (fixture.first.versioned()?, fixture.key("value"), versions(&fixture));
    versioned.write_if(&value, None, &version, "one".into(), Some(Fixture::HOUR)).await?;
    if let Ok(counter) = fixture.first.counter() {
        let key = fixture.key("count");
        counter.incr(&key, Fixture::HOUR).await?;
        expect_versioned_refused(&fixture, &key, "a counter").await?;
        expect_error(counter.incr(&value, Fixture::HOUR).await, Corrupt, "incr on a versioned value")?;
        let count = counter.incr(&key, Fixture::HOUR).await?;
        ensure!(count == 2, "after refused versioned operations, incr returned {count}");
    }
    if let Ok(pacer) = fixture.first.pacer() {
        let (key, request) = (fixture.key("cell"), requests::slow(&fixture).with_calls(1));
        pacer.reserve(&key, &request).await?;
        expect_versioned_refused(&fixture, &key, "a cell").await?;
        expect_pacer_refused(&fixture, &value, "a versioned value").await?;
        let epoch = pacer.reserve(&key, &requests::slow(&fixture)).await?.cell.epoch;
        ensure!(epoch == request.epoch_if_new, "a refused versioned operation changed the cell");
    }
    if let Ok(leases) = LeaseKey::new(&fixture, "lease", 1) {
        let [holder] = owners(&fixture);
        let fence = leases.expect_granted(&holder, "of a free lease").await?;
        expect_versioned_refused(&fixture, &leases.key, "a lease").await?;
        expect_leases_refused(&fixture, &value, "a versioned value").await?;
        let again = leases.try_acquire(&holder).await?;
        ensure!(
            again == Some(fence),
            "after refused operations, acquire by the holder of fence {fence} returned {again:?}"
        );
    }
    expect_stored(&fixture, &value, Some(("one", &version)), "refused operations").await
}

/// Checks that every operation of the pacer on another facet's value is refused.
async fn expect_pacer_refused(fixture: &Fixture, key: &Key, on: &str) -> ClauseResult {
    let pacer = fixture.first.pacer()?;
    let request = requests::slow(fixture).with_calls(1);
    let reply = pacer.reserve(&fixture.key("elsewhere"), &request).await?;
    expect_error(pacer.reserve(key, &request).await, Corrupt, &format!("reserve on {on}"))?;
    let touch = requests::slow(fixture);
    expect_error(pacer.reserve(key, &touch).await, Corrupt, &format!("reserve without calls on {on}"))?;
    expect_error(pacer.refund(key, &reply.tail(&request, 0)).await, Corrupt, &format!("refund on {on}"))?;
    expect_error(pacer.settle(key, &request.limits[0].id, 1).await, Corrupt, &format!("settle on {on}"))?;
    let until = StoreTime(reply.now.0 + 1_000_000);
    expect_error(pacer.hold(key, until, Fixture::HOUR).await, Corrupt, &format!("hold on {on}"))
}

/// Checks that every lease operation on another facet's value is refused.
async fn expect_leases_refused(fixture: &Fixture, key: &Key, on: &str) -> ClauseResult {
    let (leases, [owner]) = (fixture.first.leases()?, owners(fixture));
    let acquired = leases.acquire(key, 1, Fixture::HOUR, &owner, Duration::ZERO).await;
    expect_error(acquired, Corrupt, &format!("acquire on {on}"))?;
    expect_error(leases.renew(key, Fixture::HOUR, &owner).await, Corrupt, &format!("renew on {on}"))?;
    expect_error(leases.release(key, &owner).await, Corrupt, &format!("release on {on}"))
}

/// Checks that every versioned operation on another facet's value is refused.
async fn expect_versioned_refused(fixture: &Fixture, key: &Key, on: &str) -> ClauseResult {
    let (versioned, [expected, new]) = (fixture.first.versioned()?, versions(fixture));
    expect_error(versioned.read(key).await, Corrupt, &format!("read of {on}"))?;
    for expected in [None, Some(&expected)] {
        let written = versioned.write_if(key, expected, &new, "7".into(), Some(Fixture::HOUR)).await;
        expect_error(written, Corrupt, &format!("write_if on {on}"))?;
    }
    Ok(())
}
