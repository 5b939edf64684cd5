//! Cells that were lost or went back, and callers who remember.

use std::time::Duration;

use stitchapi_core::StoreTime;
use stitchapi_core::pace::{CellSnapshot, ReserveRequest};

use super::pacing;
use crate::contract::{Checked, Scene, ensure};

const MINUTE: Duration = Duration::from_secs(60);

/// Six a minute, four of them at once.
fn bursts(scene: &Scene) -> ReserveRequest {
    pacing::rate(scene, 6, MINUTE, 4)
}

pub(crate) async fn lost(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let before = bursts(&scene).with_calls(10);
    let booked = pacer.reserve(&key, &before).await?;
    let last = booked.starts(&before).last().unwrap_or_default();
    let snapshot = booked.snapshot(&before);
    scene.store().delete(&key).await?;
    let after = ReserveRequest { snapshot: Some(snapshot.clone()), ..bursts(&scene).with_calls(1) };
    let reply = pacer.reserve(&key, &after).await?;
    let start = reply.starts(&after).next().unwrap_or_default();
    ensure!(start > last, "after a loss the next call starts {:?} before the last one booked", last.since(start));
    let news = reply.cell.epoch == after.epoch_if_new && reply.cell.seq > snapshot.seq;
    ensure!(
        news,
        "after a loss the cell has the epoch and seq of {}, the snapshot was {snapshot:?}",
        reply.cell.to_text()
    );
    Ok(())
}

pub(crate) async fn lost_without_credit(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let now = pacer.reserve(&scene.key("clock"), &bursts(&scene)).await?.now;
    let snapshot = CellSnapshot {
        epoch: scene.runtime().random(),
        seq: 40,
        tats: vec![now + Duration::from_secs(5)],
        booked: None,
    };
    let request = ReserveRequest { snapshot: Some(snapshot), ..bursts(&scene).with_calls(1) };
    let reply = pacer.reserve(&key, &request).await?;
    let start = reply.starts(&request).next().unwrap_or_default();
    let least = reply.now + Duration::from_secs(10);
    ensure!(start >= least, "a lost cell gave credit: the next call starts in {:?}", start.since(reply.now));
    Ok(())
}

pub(crate) async fn lost_lately(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let now = pacer.reserve(&scene.key("clock"), &bursts(&scene)).await?.now;
    let snapshot = CellSnapshot { epoch: scene.runtime().random(), seq: 40, tats: vec![now], booked: Some(now) };
    let request = ReserveRequest { snapshot: Some(snapshot), ..bursts(&scene).with_calls(1) };
    let reply = pacer.reserve(&key, &request).await?;
    let start = reply.starts(&request).next().unwrap_or_default();
    let least = reply.now + Duration::from_secs(10);
    let ahead = start.since(reply.now);
    ensure!(start >= least, "a cell that is gone within the hour gave credit: the next call starts in {ahead:?}");
    Ok(())
}

pub(crate) async fn rolled_back(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let before = bursts(&scene).with_calls(1);
    let mut snapshot = pacer.reserve(&key, &before).await?.snapshot(&before);
    snapshot.seq += 10;
    snapshot.tats[0] = snapshot.tats[0] + MINUTE * 2;
    let after = ReserveRequest { snapshot: Some(snapshot.clone()), ..bursts(&scene).with_calls(1) };
    let reply = pacer.reserve(&key, &after).await?;
    let start = reply.starts(&after).next().unwrap_or_default();
    let least = StoreTime(snapshot.tats[0].0 - 31_000_000);
    ensure!(start >= least, "a cell that went back starts the next call {:?} too early", least.since(start));
    let news = reply.cell.epoch == after.epoch_if_new && reply.cell.seq > snapshot.seq;
    ensure!(news, "a cell that went back is not mended: {}, the snapshot was {snapshot:?}", reply.cell.to_text());
    Ok(())
}

pub(crate) async fn remembered_otherwise(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let before = bursts(&scene).with_calls(1);
    let booked = pacer.reserve(&key, &before).await?;
    let expected = CellSnapshot { booked: None, ..booked.snapshot(&before) };
    let later = expected.tats[0] + MINUTE * 2;
    let marks = [
        CellSnapshot { epoch: !expected.epoch, seq: expected.seq + 10, tats: vec![later], ..expected.clone() },
        CellSnapshot { epoch: expected.epoch, seq: expected.seq, tats: vec![later], ..expected.clone() },
    ];
    for snapshot in marks {
        let touch = ReserveRequest { snapshot: Some(snapshot.clone()), ..bursts(&scene) };
        let found = pacer.reserve(&key, &touch).await?.snapshot(&touch);
        ensure!(
            found == expected,
            "the snapshot {snapshot:?} changed a cell that is not older: {expected:?} to {found:?}"
        );
    }
    Ok(())
}

pub(crate) async fn unremembered(scene: Scene) -> Checked {
    let pacer = scene.first.pacer()?;
    let now = pacer.reserve(&scene.key("clock"), &bursts(&scene)).await?.now;
    let past = CellSnapshot { epoch: scene.runtime().random(), seq: 40, tats: vec![now], booked: None };
    for (name, snapshot) in [("by nobody", None), ("as idle", Some(past))] {
        let request = ReserveRequest { snapshot, ..bursts(&scene).with_calls(5) };
        let reply = pacer.reserve(&scene.key(name), &request).await?;
        let free = reply.starts(&request).take_while(|start| *start == reply.now).count();
        ensure!(free == 4, "of a burst of four {free} are free in a new cell remembered {name}");
    }
    Ok(())
}
