//! Processes that return from an outage of the store: see [`Rejoin`].

use std::time::Duration;

use stitchapi_core::pace::{CellSnapshot, Rejoin, Reservation, ReserveRequest};
use stitchapi_core::{Key, StoreTime};

use super::requests;
use crate::harness::{ClauseResult, Fixture, NotPassed, ensure};

/// Return from an outage that began after every return known to the cell.
const REJOIN: Rejoin =
    Rejoin { alone_for: Duration::from_secs(60), pause: Duration::from_secs(30), since: StoreTime(u64::MAX) };

/// Returns the request for one call of a process that rejoins and remembers `snapshot`.
fn rejoin_request(fixture: &Fixture, snapshot: Option<&CellSnapshot>) -> ReserveRequest {
    ReserveRequest { rejoin: Some(REJOIN), snapshot: snapshot.cloned(), ..requests::slow(fixture).with_calls(1) }
}

/// Books a call, then rejoins as the first process after an outage. Returns what that process remembered and the reply.
async fn rejoin_first(fixture: &Fixture, key: &Key) -> Result<(CellSnapshot, Reservation), NotPassed> {
    let pacer = fixture.first.pacer()?;
    let before = requests::slow(fixture).with_calls(1);
    let snapshot = pacer.reserve(key, &before).await?.snapshot(&before);
    let reply = pacer.reserve(key, &rejoin_request(fixture, Some(&snapshot))).await?;
    Ok((snapshot, reply))
}

pub(crate) async fn first_announces(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("cell");
    let (snapshot, reply) = rejoin_first(&fixture, &key).await?;
    ensure!(reply.granted == 0, "the first process back received a start before the others can know of the return");
    let (local_end, opens_at) = (reply.now + REJOIN.alone_for, reply.now + REJOIN.alone_for + REJOIN.pause);
    let (found, cell) = ((reply.cell.local_end, reply.cell.opens_at), reply.cell.to_text());
    ensure!(
        found == (local_end, opens_at),
        "the first process back received the cell {cell}, expected local_end {local_end} and opens_at {opens_at}"
    );
    ensure!(reply.cell.seq > snapshot.seq, "the first process back left the sequence number unchanged: {cell}");
    let newcomer = requests::slow(&fixture).with_calls(1);
    let start = fixture.second.pacer()?.reserve(&key, &newcomer).await?.starts(&newcomer).next().unwrap_or_default();
    ensure!(start >= opens_at, "a process without an outage starts {:?} before the pause ends", opens_at.since(start));
    Ok(())
}

pub(crate) async fn second_waits(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("cell");
    let (snapshot, first) = rejoin_first(&fixture, &key).await?;
    let pacer = fixture.second.pacer()?;
    for snapshot in [Some(&snapshot), None] {
        let reply = pacer.reserve(&key, &rejoin_request(&fixture, snapshot)).await?;
        ensure!(reply.granted == 0, "the second process back, with the snapshot {snapshot:?}, received a start");
        let (found, expected) = (reply.cell.to_text(), first.cell.to_text());
        ensure!(found == expected, "the second process back received the cell \"{found}\", expected \"{expected}\"");
    }
    Ok(())
}

pub(crate) async fn joins_cell_in_use(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let request = requests::slow(&fixture).with_calls(1);
    let snapshot = pacer.reserve(&key, &request).await?.snapshot(&request);
    pacer.reserve(&key, &request).await?;
    let other_epoch = CellSnapshot { epoch: !snapshot.epoch, ..snapshot.clone() };
    for snapshot in [None, Some(&snapshot), Some(&other_epoch)] {
        let reply = fixture.second.pacer()?.reserve(&key, &rejoin_request(&fixture, snapshot)).await?;
        let joined = reply.granted == 1 && reply.cell.local_end == StoreTime(0);
        ensure!(
            joined,
            "a process that rejoins a cell in use with the snapshot {snapshot:?} received {} starts and the cell {}",
            reply.granted,
            reply.cell.to_text()
        );
    }
    Ok(())
}

pub(crate) async fn joins_after_the_others(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("cell");
    let pacer = fixture.first.pacer()?;
    let before = requests::slow(&fixture).with_calls(1);
    let booked = pacer.reserve(&key, &before).await?;
    let rejoin = Rejoin { alone_for: Duration::ZERO, pause: Duration::ZERO, since: StoreTime(0) };
    let first = ReserveRequest { rejoin: Some(rejoin), snapshot: Some(booked.snapshot(&before)), ..before.clone() };
    let announced = pacer.reserve(&key, &first).await?;
    // The late process was stopped meanwhile and remembers the cell as the first process left it.
    let late = ReserveRequest { snapshot: Some(announced.snapshot(&first)), ..first.clone() };
    let reply = fixture.second.pacer()?.reserve(&key, &late).await?;
    let (granted, cell) = (reply.granted, reply.cell.to_text());
    ensure!(granted == 1, "a process that rejoins after all others received {granted} starts and the cell {cell}");
    Ok(())
}
