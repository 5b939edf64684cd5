//! Refunds, and costs that are known only afterwards.

use std::time::Duration;

use stitchapi_core::pace::{Booking, CellSnapshot, LimitId, LimitSpec, ReserveRequest};
use stitchapi_core::{Key, StoreTime};

use super::pacing;
use crate::contract::{Checked, Scene, Trouble, ensure};

const MINUTE: Duration = Duration::from_secs(60);

/// What a cell is now, by a touch with a limit that it has.
async fn state(scene: &Scene, key: &Key, limits: &ReserveRequest) -> Result<(StoreTime, CellSnapshot), Trouble> {
    let touch = ReserveRequest { calls: Vec::new(), ..limits.clone() };
    let reply = scene.second.pacer()?.reserve(key, &touch).await?;
    Ok((reply.now, reply.snapshot(&touch)))
}

pub(crate) async fn refund(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let request = pacing::slow(&scene).with_calls(5);
    let reply = pacer.reserve(&key, &request).await?;
    let given_back = reply.starts(&request).nth(2);
    let taken = pacer.refund(&key, &reply.tail(&request, 2)).await?;
    ensure!(taken, "the refund of a cell that nobody else has touched was refused");
    let next = pacing::slow(&scene).with_calls(1);
    let start = pacer.reserve(&key, &next).await?.starts(&next).next();
    ensure!(start == given_back, "after a refund the next call starts at {start:?}, not {given_back:?}");
    Ok(())
}

pub(crate) async fn refund_after_a_change(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let request = pacing::slow(&scene).with_calls(3);
    let tail = pacer.reserve(&key, &request).await?.tail(&request, 1);
    let other = pacing::slow(&scene).with_calls(1);
    let expected = scene.second.pacer()?.reserve(&key, &other).await?.snapshot(&other);
    refuse(&scene, &key, &tail, &expected, "after another booking").await?;
    let tail = Booking { seq: expected.seq, epoch: !expected.epoch, ..tail };
    refuse(&scene, &key, &tail, &expected, "of another epoch").await
}

pub(crate) async fn refund_twice(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let request = pacing::slow(&scene).with_calls(3);
    let tail = pacer.reserve(&key, &request).await?.tail(&request, 1);
    pacer.refund(&key, &tail).await?;
    let (_, expected) = state(&scene, &key, &request).await?;
    refuse(&scene, &key, &tail, &expected, "for the second time").await
}

pub(crate) async fn refund_of_nothing(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let request = pacing::slow(&scene).with_calls(3);
    let tail = pacer.reserve(&scene.key("other"), &request).await?.tail(&request, 1);
    let taken = pacer.refund(&key, &tail).await?;
    ensure!(!taken, "a refund where there is no cell was taken");
    still_absent(&scene, &key, "a refund").await
}

async fn refuse(scene: &Scene, key: &Key, tail: &Booking, expected: &CellSnapshot, when: &str) -> Checked {
    let taken = scene.first.pacer()?.refund(key, tail).await?;
    ensure!(!taken, "a refund {when} was taken");
    let (_, found) = state(scene, key, &pacing::slow(scene)).await?;
    let expected = &CellSnapshot { booked: None, ..expected.clone() };
    ensure!(found == *expected, "a refused refund {when} changed the cell from {expected:?} to {found:?}");
    Ok(())
}

async fn still_absent(scene: &Scene, key: &Key, after: &str) -> Checked {
    let request = pacing::slow(scene).with_calls(1);
    let reply = scene.first.pacer()?.reserve(key, &request).await?;
    let free = reply.cell.epoch == request.epoch_if_new && reply.starts(&request).next() == Some(reply.now);
    ensure!(free, "{after} where there was no cell made one: {}", reply.cell.to_text());
    Ok(())
}

pub(crate) async fn debt(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let request = pacing::slow(&scene).with_calls(1);
    let before = pacer.reserve(&key, &request).await?.snapshot(&request);
    pacer.settle(&key, &request.limits[0].id, 6).await?;
    let (_, after) = state(&scene, &key, &request).await?;
    let (tat, expected) = (after.tats[0], before.tats[0] + Duration::from_micros(60_005_000));
    ensure!(
        tat == expected,
        "a debt of a whole period moved the cell from {} to {tat}, not {expected}",
        before.tats[0]
    );
    ensure!(after.seq > before.seq, "a debt left the seq at {}: a refund could take it back", after.seq);
    Ok(())
}

pub(crate) async fn give_back(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let request = pacing::slow(&scene).with_calls(8);
    let booked = pacer.reserve(&key, &request).await?;
    pacer.settle(&key, &request.limits[0].id, -3).await?;
    let next = pacing::slow(&scene).with_calls(1);
    let start = pacer.reserve(&key, &next).await?.starts(&next).next();
    let expected = booked.starts(&request).nth(5);
    ensure!(start == expected, "after giving back three of eight the next call starts at {start:?}, not {expected:?}");
    Ok(())
}

pub(crate) async fn one_limit_only(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let ids = ["calls", "tokens"].map(|unit| LimitId::new(unit, MINUTE));
    let declared = ids.clone().map(|id| LimitSpec { id, permits: 6, burst: None });
    let request = pacing::of(&declared, scene.runtime().random()).with_calls(4);
    let mut before = pacer.reserve(&key, &request).await?.snapshot(&request).tats;
    for delta in [5, -2] {
        pacer.settle(&key, &ids[1], delta).await?;
        let (_, after) = state(&scene, &key, &request).await?;
        let [calls, tokens] = [0, 1].map(|limit| (before[limit], after.tats[limit]));
        ensure!(calls.0 == calls.1, "settling {delta} tokens moved the calls from {} to {}", calls.0, calls.1);
        let moved = if delta > 0 { tokens.1 > tokens.0 } else { tokens.1 < tokens.0 };
        ensure!(moved, "settling {delta} tokens moved them from {} to {}", tokens.0, tokens.1);
        before = after.tats;
    }
    Ok(())
}

pub(crate) async fn never_below_now(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let request = pacing::slow(&scene).with_calls(2);
    let now = pacer.reserve(&key, &request).await?.now;
    pacer.settle(&key, &request.limits[0].id, -1_000).await?;
    let (later, snapshot) = state(&scene, &key, &request).await?;
    let tat = snapshot.tats[0];
    ensure!(
        (now..=later).contains(&tat),
        "giving back a thousand moved the cell to {tat}; now was between {now} and {later}"
    );
    Ok(())
}

pub(crate) async fn settle_of_nothing(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let request = pacing::slow(&scene).with_calls(1);
    pacer.settle(&key, &request.limits[0].id, 3).await?;
    still_absent(&scene, &key, "settling").await?;
    let (_, before) = state(&scene, &key, &request).await?;
    pacer.settle(&key, &LimitId::new("tokens", MINUTE), 3).await?;
    let (_, after) = state(&scene, &key, &request).await?;
    ensure!(before == after, "settling a limit that is not there moved the cell from {before:?} to {after:?}");
    Ok(())
}
