//! Processes that come back from an outage of their store.

use std::time::Duration;

use stitchapi_core::pace::{CellSnapshot, Rejoin, Reservation, ReserveRequest};
use stitchapi_core::{Key, StoreTime};

use super::pacing;
use crate::contract::{Checked, Scene, Trouble, ensure};

/// Whoever comes back was away when all others were.
const BACK: Rejoin =
    Rejoin { alone_for: Duration::from_secs(60), pause: Duration::from_secs(30), since: StoreTime(u64::MAX) };

/// One call, from one who comes back and remembers this.
fn back(scene: &Scene, snapshot: Option<&CellSnapshot>) -> ReserveRequest {
    ReserveRequest { rejoin: Some(BACK), snapshot: snapshot.cloned(), ..pacing::slow(scene).with_calls(1) }
}

/// A call is booked, an outage follows, and somebody is back from it first: what it remembers, and what it is told.
async fn first(scene: &Scene, key: &Key) -> Result<(CellSnapshot, Reservation), Trouble> {
    let pacer = scene.first.pacer()?;
    let before = pacing::slow(scene).with_calls(1);
    let snapshot = pacer.reserve(key, &before).await?.snapshot(&before);
    let reply = pacer.reserve(key, &back(scene, Some(&snapshot))).await?;
    Ok((snapshot, reply))
}

pub(crate) async fn is_first(scene: Scene) -> Checked {
    let key = scene.key("cell");
    let (snapshot, reply) = first(&scene, &key).await?;
    ensure!(reply.granted == 0, "the first one back is given a start before the others know that the store is back");
    let (stays, starts) = (reply.now + BACK.alone_for, reply.now + BACK.alone_for + BACK.pause);
    let (found, cell) = ((reply.cell.local_end, reply.cell.fresh_until), reply.cell.to_text());
    ensure!(found == (stays, starts), "the first one back is told {cell}, where {stays} and {starts} should be");
    ensure!(reply.cell.seq > snapshot.seq, "the first one back leaves the seq as it was: {cell}");
    let new = pacing::slow(&scene).with_calls(1);
    let start = scene.second.pacer()?.reserve(&key, &new).await?.starts(&new).next().unwrap_or_default();
    ensure!(start >= starts, "one who was not away starts {:?} before the pause is over", starts.since(start));
    Ok(())
}

pub(crate) async fn stays_alone(scene: Scene) -> Checked {
    let key = scene.key("cell");
    let (snapshot, told) = first(&scene, &key).await?;
    let pacer = scene.second.pacer()?;
    for snapshot in [Some(&snapshot), None] {
        let reply = pacer.reserve(&key, &back(&scene, snapshot)).await?;
        ensure!(reply.granted == 0, "the second one back, remembering {snapshot:?}, does not stay alone");
        let (found, cell) = (reply.cell.to_text(), told.cell.to_text());
        ensure!(found == cell, "the second one back is told \"{found}\", not \"{cell}\"");
    }
    Ok(())
}

pub(crate) async fn joins(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let request = pacing::slow(&scene).with_calls(1);
    let snapshot = pacer.reserve(&key, &request).await?.snapshot(&request);
    pacer.reserve(&key, &request).await?;
    let another = CellSnapshot { epoch: !snapshot.epoch, ..snapshot.clone() };
    for snapshot in [None, Some(&snapshot), Some(&another)] {
        let reply = scene.second.pacer()?.reserve(&key, &back(&scene, snapshot)).await?;
        let joined = reply.granted == 1 && reply.cell.local_end == StoreTime(0);
        ensure!(
            joined,
            "one who comes back to a cell in use, remembering {snapshot:?}, is told {}",
            reply.cell.to_text()
        );
    }
    Ok(())
}

pub(crate) async fn joins_gathered(scene: Scene) -> Checked {
    let key = scene.key("cell");
    let pacer = scene.first.pacer()?;
    let before = pacing::slow(&scene).with_calls(1);
    let begun = pacer.reserve(&key, &before).await?;
    let short = Rejoin { alone_for: Duration::ZERO, pause: Duration::ZERO, since: StoreTime(0) };
    let first = ReserveRequest { rejoin: Some(short), snapshot: Some(begun.snapshot(&before)), ..before.clone() };
    let gathered = pacer.reserve(&key, &first).await?;
    // One who was stopped meanwhile remembers what the first one has left.
    let late = ReserveRequest { snapshot: Some(gathered.snapshot(&first)), ..first.clone() };
    let reply = scene.second.pacer()?.reserve(&key, &late).await?;
    let (granted, cell) = (reply.granted, reply.cell.to_text());
    ensure!(granted == 1, "one who comes back when the others are together again does not join them: {cell}");
    Ok(())
}
