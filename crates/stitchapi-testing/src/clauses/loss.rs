//! Cells that were lost or went back, and callers who remember.

use std::time::Duration;

use stitchapi_core::StoreTime;
use stitchapi_core::pace::{Mark, Pace};

use super::pacing;
use crate::contract::{Checked, Scene, ensure};

const MINUTE: Duration = Duration::from_secs(60);

/// Six a minute, four of them at once.
fn bursts(scene: &Scene) -> Pace {
    pacing::rate(scene, 6, MINUTE, 4)
}

pub(crate) async fn lost(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let before = bursts(&scene).with_calls(10);
    let booked = pacer.reserve(&key, &before).await?;
    let last = booked.starts(&before).last().unwrap_or_default();
    let mark = booked.mark(&before);
    scene.store().delete(&key).await?;
    let after = Pace { seen: Some(mark.clone()), ..bursts(&scene).with_calls(1) };
    let reply = pacer.reserve(&key, &after).await?;
    let start = reply.starts(&after).next().unwrap_or_default();
    ensure!(start > last, "after a loss the next call starts {:?} before the last one booked", last.since(start));
    let news = reply.cell.epoch == after.epoch_if_new && reply.cell.seq > mark.seq;
    ensure!(news, "after a loss the cell has the epoch and seq of {}, the mark was {mark:?}", reply.cell.to_text());
    Ok(())
}

pub(crate) async fn lost_without_credit(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let now = pacer.reserve(&scene.key("clock"), &bursts(&scene)).await?.now;
    let mark =
        Mark { epoch: scene.runtime().random(), seq: 40, tats: vec![now + Duration::from_secs(5)], booked: None };
    let pace = Pace { seen: Some(mark), ..bursts(&scene).with_calls(1) };
    let reply = pacer.reserve(&key, &pace).await?;
    let start = reply.starts(&pace).next().unwrap_or_default();
    let least = reply.now + Duration::from_secs(10);
    ensure!(start >= least, "a lost cell gave credit: the next call starts in {:?}", start.since(reply.now));
    Ok(())
}

pub(crate) async fn lost_lately(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let now = pacer.reserve(&scene.key("clock"), &bursts(&scene)).await?.now;
    let mark = Mark { epoch: scene.runtime().random(), seq: 40, tats: vec![now], booked: Some(now) };
    let pace = Pace { seen: Some(mark), ..bursts(&scene).with_calls(1) };
    let reply = pacer.reserve(&key, &pace).await?;
    let start = reply.starts(&pace).next().unwrap_or_default();
    let least = reply.now + Duration::from_secs(10);
    let ahead = start.since(reply.now);
    ensure!(start >= least, "a cell that is gone within the hour gave credit: the next call starts in {ahead:?}");
    Ok(())
}

pub(crate) async fn rolled_back(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let before = bursts(&scene).with_calls(1);
    let mut mark = pacer.reserve(&key, &before).await?.mark(&before);
    mark.seq += 10;
    mark.tats[0] = mark.tats[0] + MINUTE * 2;
    let after = Pace { seen: Some(mark.clone()), ..bursts(&scene).with_calls(1) };
    let reply = pacer.reserve(&key, &after).await?;
    let start = reply.starts(&after).next().unwrap_or_default();
    let least = StoreTime(mark.tats[0].0 - 31_000_000);
    ensure!(start >= least, "a cell that went back starts the next call {:?} too early", least.since(start));
    let news = reply.cell.epoch == after.epoch_if_new && reply.cell.seq > mark.seq;
    ensure!(news, "a cell that went back is not mended: {}, the mark was {mark:?}", reply.cell.to_text());
    Ok(())
}

pub(crate) async fn remembered_otherwise(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let before = bursts(&scene).with_calls(1);
    let booked = pacer.reserve(&key, &before).await?;
    let expected = Mark { booked: None, ..booked.mark(&before) };
    let later = expected.tats[0] + MINUTE * 2;
    let marks = [
        Mark { epoch: !expected.epoch, seq: expected.seq + 10, tats: vec![later], ..expected.clone() },
        Mark { epoch: expected.epoch, seq: expected.seq, tats: vec![later], ..expected.clone() },
    ];
    for mark in marks {
        let touch = Pace { seen: Some(mark.clone()), ..bursts(&scene) };
        let found = pacer.reserve(&key, &touch).await?.mark(&touch);
        ensure!(found == expected, "the mark {mark:?} changed a cell that is not older: {expected:?} to {found:?}");
    }
    Ok(())
}

pub(crate) async fn unremembered(scene: Scene) -> Checked {
    let pacer = scene.first.pacer()?;
    let now = pacer.reserve(&scene.key("clock"), &bursts(&scene)).await?.now;
    let past = Mark { epoch: scene.runtime().random(), seq: 40, tats: vec![now], booked: None };
    for (name, seen) in [("by nobody", None), ("as idle", Some(past))] {
        let pace = Pace { seen, ..bursts(&scene).with_calls(5) };
        let reply = pacer.reserve(&scene.key(name), &pace).await?;
        let free = reply.starts(&pace).take_while(|start| *start == reply.now).count();
        ensure!(free == 4, "of a burst of four {free} are free in a new cell remembered {name}");
    }
    Ok(())
}
