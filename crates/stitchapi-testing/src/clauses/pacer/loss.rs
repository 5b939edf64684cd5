//! Cells that the store has lost or rolled back, and the snapshots of processes that used them.

use std::time::Duration;

use stitchapi_core::StoreTime;
use stitchapi_core::pace::{CellSnapshot, ReserveRequest};

use super::requests;
use crate::harness::{ClauseResult, Fixture, ensure};

const MINUTE: Duration = Duration::from_secs(60);

/// Requests at six calls a minute with a burst of four. No calls yet.
fn burst_request(fixture: &Fixture) -> ReserveRequest {
    requests::with_rate(fixture, 6, MINUTE, 4)
}

pub(crate) async fn lost(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let before = burst_request(&fixture).with_calls(10);
    let booked = pacer.reserve(&key, &before).await?;
    let last = booked.starts(&before).last().unwrap_or_default();
    let snapshot = booked.snapshot(&before);
    fixture.store().delete(&key).await?;
    let after = ReserveRequest { snapshot: Some(snapshot.clone()), ..burst_request(&fixture).with_calls(1) };
    let reply = pacer.reserve(&key, &after).await?;
    let start = reply.starts(&after).next().unwrap_or_default();
    ensure!(
        start > last,
        "after the loss of a cell the next call starts {:?} before the last booked start",
        last.since(start)
    );
    let is_new = reply.cell.epoch == after.epoch_if_new && reply.cell.seq > snapshot.seq;
    ensure!(
        is_new,
        "after the loss of a cell its epoch and sequence number are not new: {}, the snapshot was {snapshot:?}",
        reply.cell.to_text()
    );
    Ok(())
}

pub(crate) async fn lost_without_credit(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let now = pacer.reserve(&fixture.key("clock"), &burst_request(&fixture)).await?.now;
    let tats = vec![now + Duration::from_secs(5)];
    let snapshot = CellSnapshot { epoch: fixture.runtime().random(), seq: 40, tats, booked: None };
    let request = ReserveRequest { snapshot: Some(snapshot), ..burst_request(&fixture).with_calls(1) };
    let reply = pacer.reserve(&key, &request).await?;
    let start = reply.starts(&request).next().unwrap_or_default();
    let earliest = reply.now + Duration::from_secs(10);
    ensure!(
        start >= earliest,
        "a lost cell gave burst credit: the next call starts in {:?}, expected at least 10 s",
        start.since(reply.now)
    );
    Ok(())
}

pub(crate) async fn lost_within_the_hour(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let now = pacer.reserve(&fixture.key("clock"), &burst_request(&fixture)).await?.now;
    let snapshot = CellSnapshot { epoch: fixture.runtime().random(), seq: 40, tats: vec![now], booked: Some(now) };
    let request = ReserveRequest { snapshot: Some(snapshot), ..burst_request(&fixture).with_calls(1) };
    let reply = pacer.reserve(&key, &request).await?;
    let start = reply.starts(&request).next().unwrap_or_default();
    let earliest = reply.now + Duration::from_secs(10);
    ensure!(
        start >= earliest,
        "a cell that is absent within an hour of a booking gave burst credit: the next call starts in {:?}, expected at \
         least 10 s",
        start.since(reply.now)
    );
    Ok(())
}

pub(crate) async fn rolled_back(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let before = burst_request(&fixture).with_calls(1);
    let mut snapshot = pacer.reserve(&key, &before).await?.snapshot(&before);
    snapshot.seq += 10;
    snapshot.tats[0] = snapshot.tats[0] + MINUTE * 2;
    let after = ReserveRequest { snapshot: Some(snapshot.clone()), ..burst_request(&fixture).with_calls(1) };
    let reply = pacer.reserve(&key, &after).await?;
    let start = reply.starts(&after).next().unwrap_or_default();
    let earliest = StoreTime(snapshot.tats[0].0 - 31_000_000);
    ensure!(
        start >= earliest,
        "a cell older than the snapshot starts the next call {:?} too early",
        earliest.since(start)
    );
    let is_new = reply.cell.epoch == after.epoch_if_new && reply.cell.seq > snapshot.seq;
    ensure!(
        is_new,
        "a cell older than the snapshot is not repaired: {}, the snapshot was {snapshot:?}",
        reply.cell.to_text()
    );
    Ok(())
}

pub(crate) async fn snapshot_not_newer(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let before = burst_request(&fixture).with_calls(1);
    let booked = pacer.reserve(&key, &before).await?;
    let expected = CellSnapshot { booked: None, ..booked.snapshot(&before) };
    let later = vec![expected.tats[0] + MINUTE * 2];
    let snapshots = [
        CellSnapshot { epoch: !expected.epoch, seq: expected.seq + 10, tats: later.clone(), booked: None },
        CellSnapshot { epoch: expected.epoch, seq: expected.seq, tats: later, booked: None },
    ];
    for snapshot in snapshots {
        let touch = ReserveRequest { snapshot: Some(snapshot.clone()), ..burst_request(&fixture) };
        let found = pacer.reserve(&key, &touch).await?.snapshot(&touch);
        ensure!(
            found == expected,
            "the snapshot {snapshot:?} changed a cell that is not older: {expected:?} to {found:?}"
        );
    }
    Ok(())
}

pub(crate) async fn new_cell_credit(fixture: Fixture) -> ClauseResult {
    let pacer = fixture.first.pacer()?;
    let now = pacer.reserve(&fixture.key("clock"), &burst_request(&fixture)).await?.now;
    let idle = CellSnapshot { epoch: fixture.runtime().random(), seq: 40, tats: vec![now], booked: None };
    for (name, snapshot) in [("without a snapshot", None), ("with a snapshot of an idle cell", Some(idle))] {
        let request = ReserveRequest { snapshot, ..burst_request(&fixture).with_calls(5) };
        let reply = pacer.reserve(&fixture.key(name), &request).await?;
        let at_once = reply.starts(&request).take_while(|start| *start == reply.now).count();
        ensure!(at_once == 4, "{at_once} calls of a burst of four start at once in a new cell {name}");
    }
    Ok(())
}
