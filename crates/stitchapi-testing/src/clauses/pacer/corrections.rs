//! Refunds of bookings, and settlements of costs that are known only after the call.

use std::time::Duration;

use stitchapi_core::pace::{Booking, CellSnapshot, LimitId, LimitSpec, ReserveRequest};
use stitchapi_core::{Key, StoreTime};

use super::requests;
use crate::harness::{ClauseResult, Fixture, NotPassed, ensure};

const MINUTE: Duration = Duration::from_secs(60);

/// Reads the store's time and the cell, with a reserve that has the limits of `request` and no calls.
async fn read(fixture: &Fixture, key: &Key, request: &ReserveRequest) -> Result<(StoreTime, CellSnapshot), NotPassed> {
    let touch = ReserveRequest { calls: Vec::new(), ..request.clone() };
    let reply = fixture.second.pacer()?.reserve(key, &touch).await?;
    Ok((reply.now, reply.snapshot(&touch)))
}

pub(crate) async fn refund_frees_starts(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let request = requests::slow(&fixture).with_calls(5);
    let reply = pacer.reserve(&key, &request).await?;
    let refunded = reply.starts(&request).nth(2);
    let is_taken = pacer.refund(&key, &reply.tail(&request, 2)).await?;
    ensure!(is_taken, "refund of a cell that has not changed since the booking returned false");
    let next = requests::slow(&fixture).with_calls(1);
    let start = pacer.reserve(&key, &next).await?.starts(&next).next();
    ensure!(start == refunded, "after a refund the next call starts at {start:?}, expected {refunded:?}");
    Ok(())
}

pub(crate) async fn refund_after_change(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let request = requests::slow(&fixture).with_calls(3);
    let tail = pacer.reserve(&key, &request).await?.tail(&request, 1);
    let other = requests::slow(&fixture).with_calls(1);
    let expected = fixture.second.pacer()?.reserve(&key, &other).await?.snapshot(&other);
    expect_refused_refund(&fixture, &key, &tail, &expected, "after another booking").await?;
    let tail = Booking { seq: expected.seq, epoch: !expected.epoch, ..tail };
    expect_refused_refund(&fixture, &key, &tail, &expected, "of another epoch").await
}

pub(crate) async fn refund_twice(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let request = requests::slow(&fixture).with_calls(3);
    let tail = pacer.reserve(&key, &request).await?.tail(&request, 1);
    pacer.refund(&key, &tail).await?;
    let (_, expected) = read(&fixture, &key, &request).await?;
    expect_refused_refund(&fixture, &key, &tail, &expected, "for the second time").await
}

pub(crate) async fn refund_of_absent_cell(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let request = requests::slow(&fixture).with_calls(3);
    let tail = pacer.reserve(&fixture.key("other"), &request).await?.tail(&request, 1);
    let is_taken = pacer.refund(&key, &tail).await?;
    ensure!(!is_taken, "refund of an absent cell returned true");
    expect_absent(&fixture, &key, "refund").await
}

/// Sends a refund that must return `false` and leave the cell as `expected`.
async fn expect_refused_refund(
    fixture: &Fixture,
    key: &Key,
    tail: &Booking,
    expected: &CellSnapshot,
    when: &str,
) -> ClauseResult {
    let is_taken = fixture.first.pacer()?.refund(key, tail).await?;
    ensure!(!is_taken, "refund {when} returned true");
    let (_, found) = read(fixture, key, &requests::slow(fixture)).await?;
    let expected = &CellSnapshot { booked: None, ..expected.clone() };
    ensure!(found == *expected, "refund {when} returned false but changed the cell from {expected:?} to {found:?}");
    Ok(())
}

/// Checks that `operation` did not create a cell: the next booking has full credit and its own epoch.
async fn expect_absent(fixture: &Fixture, key: &Key, operation: &str) -> ClauseResult {
    let request = requests::slow(fixture).with_calls(1);
    let reply = fixture.first.pacer()?.reserve(key, &request).await?;
    let is_new = reply.cell.epoch == request.epoch_if_new && reply.starts(&request).next() == Some(reply.now);
    ensure!(is_new, "{operation} of an absent cell created the cell {}", reply.cell.to_text());
    Ok(())
}

pub(crate) async fn debt_moves_limit(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let request = requests::slow(&fixture).with_calls(1);
    let before = pacer.reserve(&key, &request).await?.snapshot(&request);
    pacer.settle(&key, &request.limits[0].id, 6).await?;
    let (_, after) = read(&fixture, &key, &request).await?;
    let (tat, expected) = (after.tats[0], before.tats[0] + Duration::from_micros(60_005_000));
    ensure!(
        tat == expected,
        "a debt of a whole period moved the limit from {} to {tat}, expected {expected}",
        before.tats[0]
    );
    ensure!(
        after.seq > before.seq,
        "a debt left the sequence number at {}: a refund of an earlier booking would cancel the debt",
        after.seq
    );
    Ok(())
}

pub(crate) async fn credit_frees_starts(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let request = requests::slow(&fixture).with_calls(8);
    let booked = pacer.reserve(&key, &request).await?;
    pacer.settle(&key, &request.limits[0].id, -3).await?;
    let next = requests::slow(&fixture).with_calls(1);
    let start = pacer.reserve(&key, &next).await?.starts(&next).next();
    let expected = booked.starts(&request).nth(5);
    ensure!(
        start == expected,
        "after a settlement of -3 behind eight bookings the next call starts at {start:?}, expected {expected:?}"
    );
    Ok(())
}

pub(crate) async fn settles_one_limit(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let ids = ["calls", "tokens"].map(|unit| LimitId::new(unit, MINUTE));
    let specs = ids.clone().map(|id| LimitSpec { id, permits: 6, burst: None });
    let request = requests::with_limits(&specs, fixture.runtime().random()).with_calls(4);
    let mut before = pacer.reserve(&key, &request).await?.snapshot(&request).tats;
    for delta in [5, -2] {
        pacer.settle(&key, &ids[1], delta).await?;
        let (_, after) = read(&fixture, &key, &request).await?;
        let [calls, tokens] = [0, 1].map(|limit| (before[limit], after.tats[limit]));
        ensure!(
            calls.0 == calls.1,
            "a settlement of {delta} tokens moved the limit of calls from {} to {}",
            calls.0,
            calls.1
        );
        let has_moved = if delta > 0 { tokens.1 > tokens.0 } else { tokens.1 < tokens.0 };
        ensure!(
            has_moved,
            "a settlement of {delta} tokens moved the limit of tokens from {} to {}",
            tokens.0,
            tokens.1
        );
        before = after.tats;
    }
    Ok(())
}

pub(crate) async fn credit_stops_at_now(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let request = requests::slow(&fixture).with_calls(2);
    let now = pacer.reserve(&key, &request).await?.now;
    pacer.settle(&key, &request.limits[0].id, -1_000).await?;
    let (later, snapshot) = read(&fixture, &key, &request).await?;
    let tat = snapshot.tats[0];
    ensure!(
        (now..=later).contains(&tat),
        "a settlement of -1000 moved the limit to {tat}, expected the store's time, which was between {now} and {later}"
    );
    Ok(())
}

pub(crate) async fn settle_of_absent(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let request = requests::slow(&fixture).with_calls(1);
    pacer.settle(&key, &request.limits[0].id, 3).await?;
    expect_absent(&fixture, &key, "settle").await?;
    let (_, before) = read(&fixture, &key, &request).await?;
    pacer.settle(&key, &LimitId::new("tokens", MINUTE), 3).await?;
    let (_, after) = read(&fixture, &key, &request).await?;
    ensure!(before == after, "settle of a limit that the cell does not have changed it from {before:?} to {after:?}");
    Ok(())
}
