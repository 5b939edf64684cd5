//! Holds.

use std::time::Duration;

use stitchapi_core::pace::{Cell, ReserveRequest};
use stitchapi_core::{Key, StoreTime};

use super::pacing;
use crate::contract::{Checked, Scene, Trouble, ensure};

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// Makes a cell, and says what the store's time was.
async fn cell(scene: &Scene, key: &Key) -> Result<StoreTime, Trouble> {
    Ok(scene.first.pacer()?.reserve(key, &pacing::slow(scene)).await?.now)
}

/// What a cell is now.
async fn look(scene: &Scene, key: &Key) -> Result<(StoreTime, Cell), Trouble> {
    let touch = ReserveRequest { max_hold: Scene::HOUR, ..pacing::slow(scene) };
    let reply = scene.second.pacer()?.reserve(key, &touch).await?;
    Ok((reply.now, reply.cell))
}

pub(crate) async fn holds_everybody(scene: Scene) -> Checked {
    let (key, calls) = (scene.key("cell"), pacing::slow(&scene).with_calls(1));
    let until = cell(&scene, &key).await? + SECOND * 30;
    scene.first.pacer()?.hold(&key, until, MINUTE).await?;
    let start = scene.second.pacer()?.reserve(&key, &calls).await?.starts(&calls).next();
    ensure!(start == Some(until), "in a hold until {until} the next call starts at {start:?}");
    Ok(())
}

pub(crate) async fn absolute(scene: Scene) -> Checked {
    let key = scene.key("cell");
    let until = cell(&scene, &key).await? + SECOND * 30;
    scene.sleep(Duration::from_millis(20)).await;
    scene.first.pacer()?.hold(&key, until, MINUTE).await?;
    let held = look(&scene, &key).await?.1.held_until;
    ensure!(held == until, "a hold until {until} holds until {held}");
    Ok(())
}

pub(crate) async fn twice_is_once(scene: Scene) -> Checked {
    let key = scene.key("cell");
    let until = cell(&scene, &key).await? + SECOND * 30;
    let mut seen = Vec::new();
    for _ in 0..2 {
        scene.first.pacer()?.hold(&key, until, MINUTE).await?;
        let cell = look(&scene, &key).await?.1;
        seen.push((cell.held_until, cell.seq));
    }
    ensure!(seen[0] == seen[1], "the same hold again moved the end and the seq from {:?} to {:?}", seen[0], seen[1]);
    Ok(())
}

pub(crate) async fn later_extends(scene: Scene) -> Checked {
    let key = scene.key("cell");
    let now = cell(&scene, &key).await?;
    for (seconds, expected) in [(20, 20), (30, 30), (10, 30)] {
        scene.first.pacer()?.hold(&key, now + SECOND * seconds, MINUTE).await?;
        let held = look(&scene, &key).await?.1.held_until.since(now);
        ensure!(held == SECOND * expected, "after a hold of {seconds} s it lasts {held:?}, not {expected} s");
    }
    Ok(())
}

pub(crate) async fn capped(scene: Scene) -> Checked {
    let key = scene.key("cell");
    let (before, cap) = (cell(&scene, &key).await?, SECOND * 30);
    scene.first.pacer()?.hold(&key, before + Scene::HOUR, cap).await?;
    let (after, cell) = look(&scene, &key).await?;
    let held = cell.held_until;
    let (least, most) = (before + cap, after + cap);
    ensure!(
        (least..=most).contains(&held),
        "a hold of an hour with a cap of {cap:?} lasts until {held}, not between {least} and {most}"
    );
    Ok(())
}

pub(crate) async fn capped_when_read(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let until = cell(&scene, &key).await? + SECOND * 50;
    pacer.hold(&key, until, MINUTE).await?;
    let touch = ReserveRequest { max_hold: SECOND * 5, ..pacing::slow(&scene) };
    let reply = pacer.reserve(&key, &touch).await?;
    let (held, expected) = (reply.cell.held_until, reply.now + SECOND * 5);
    ensure!(held == expected, "a reader that takes holds of five seconds is held until {held}, not {expected}");
    Ok(())
}

pub(crate) async fn on_nothing(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let until = cell(&scene, &scene.key("clock")).await? + SECOND * 30;
    pacer.hold(&key, until, MINUTE).await?;
    let calls = pacing::slow(&scene).with_calls(1);
    let reply = pacer.reserve(&key, &calls).await?;
    let start = reply.starts(&calls).next();
    ensure!(start == Some(until), "a hold until {until} on no cell lets the first call start at {start:?}");
    let epoch = reply.cell.epoch;
    ensure!(epoch == calls.epoch_if_new, "a hold on no cell gave it the epoch {epoch:016x}, not the first caller's");
    Ok(())
}

pub(crate) async fn no_burst_behind(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let bursts = pacing::rate(&scene, 6, MINUTE, 4).with_calls(3);
    let until = pacer.reserve(&key, &ReserveRequest { calls: Vec::new(), ..bursts.clone() }).await?.now + SECOND * 30;
    pacer.hold(&key, until, MINUTE).await?;
    let reply = pacer.reserve(&key, &bursts).await?;
    let at_once = reply.starts(&bursts).filter(|start| start.since(until) < SECOND * 10).count();
    ensure!(at_once == 1, "of a burst of four {at_once} start as a hold ends");
    let again = pacer.reserve(&key, &bursts).await?;
    let (start, expected) = (again.starts(&bursts).next(), reply.snapshot(&bursts).tats[0]);
    let spacings = StoreTime(start.unwrap_or_default().0 + 3 * 10_000_833);
    ensure!(
        spacings.since(expected) < SECOND && expected.since(spacings) < SECOND,
        "the burst credit of a hold was taken twice: the fourth call starts at {start:?}"
    );
    Ok(())
}
