//! Booking starts.

use std::time::Duration;

use stitchapi_core::StoreTime;
use stitchapi_core::pace::{CellSnapshot, ReserveRequest};

use super::pacing;
use crate::contract::{Checked, Scene, ensure};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Of six a minute, the default guard added.
const SLOW: Duration = Duration::from_micros(60_005_000 / 6 + 1);

pub(crate) async fn in_order(scene: Scene) -> Checked {
    let key = scene.key("cell");
    let request = pacing::rate(&scene, 10, MINUTE, 3).with_calls(5);
    let spacing = Duration::from_micros(60_005_000 / 10);
    let reply = scene.first.pacer()?.reserve(&key, &request).await?;
    let starts: Vec<_> = reply.starts(&request).collect();
    let expected = [0, 0, 0, 1, 2].map(|spacings| reply.now + spacing * spacings);
    ensure!(starts == expected, "five calls of a burst of three start at {starts:?}, not {expected:?}");
    let again = scene.second.pacer()?.reserve(&key, &request).await?;
    let starts: Vec<_> = again.starts(&request).take(2).collect();
    let expected = [3, 4].map(|spacings| reply.now + spacing * spacings);
    ensure!(starts == expected, "the next calls start at {starts:?}, not {expected:?}");
    Ok(())
}

pub(crate) async fn keys_apart(scene: Scene) -> Checked {
    let pacer = scene.first.pacer()?;
    let (one, other) = (pacing::slow(&scene).with_calls(3), pacing::slow(&scene).with_calls(1));
    pacer.reserve(&scene.key("one"), &one).await?;
    let reply = pacer.reserve(&scene.key("other"), &other).await?;
    let free = reply.cell.epoch == other.epoch_if_new && reply.starts(&other).next() == Some(reply.now);
    ensure!(free, "the first booking under a second key was not free: it found {}", reply.cell.to_text());
    Ok(())
}

pub(crate) async fn never_overlaps(scene: Scene) -> Checked {
    let clients = [scene.first.pacer()?, scene.second.pacer()?];
    let asks = (0..32).map(|caller| {
        let (pacer, key) = (clients[caller % 2].clone(), scene.key("cell"));
        let request = pacing::quick(scene.runtime().random()).with_calls(2);
        async move {
            let reply = pacer.reserve(&key, &request).await?;
            Ok(reply.starts(&request).collect::<Vec<_>>())
        }
    });
    let mut starts = Vec::new();
    for answer in scene.at_once(asks).await? {
        starts.extend(answer.map_err(|error: stitchapi_core::StoreError| error)?);
    }
    starts.sort_unstable();
    ensure!(starts.len() == 64, "32 callers of two calls were given {} starts", starts.len());
    let closest = starts.windows(2).map(|pair| pair[1].since(pair[0])).min().unwrap_or_default();
    ensure!(closest >= pacing::QUICK, "two callers were given starts {closest:?} apart instead of {:?}", pacing::QUICK);
    Ok(())
}

pub(crate) async fn horizon(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let request = ReserveRequest { horizon: SLOW * 5 / 2, ..pacing::slow(&scene).with_calls(5) };
    let reply = pacer.reserve(&key, &request).await?;
    ensure!(reply.granted == 3, "of five calls {} are within a horizon of two spacings and a half", reply.granted);
    let next = pacing::slow(&scene).with_calls(1);
    let start = pacer.reserve(&key, &next).await?.starts(&next).next();
    let expected = reply.next_start(&request);
    ensure!(start == expected, "behind what the horizon cut off the next call starts at {start:?}, not {expected:?}");
    Ok(())
}

pub(crate) async fn expires(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let one = pacing::slow(&scene).with_calls(1);
    let first = pacer.reserve(&key, &one).await?;
    let gone = ReserveRequest { expires: Some(StoreTime(first.now.0 - 1)), ..pacing::slow(&scene).with_calls(3) };
    let granted = pacer.reserve(&key, &gone).await?.granted;
    ensure!(granted == 0, "{granted} starts were booked for a caller that was gone");
    let here = ReserveRequest { expires: Some(first.now + Scene::HOUR), ..pacing::slow(&scene).with_calls(1) };
    let reply = pacer.reserve(&key, &here).await?;
    let (start, expected) = (reply.starts(&here).next(), first.snapshot(&one).tats.first().copied());
    ensure!(start == expected, "after a caller that was gone the next one starts at {start:?}, not {expected:?}");
    Ok(())
}

pub(crate) async fn touch(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let one = pacing::slow(&scene).with_calls(1);
    // Who touches here remembers no booking.
    let expected = CellSnapshot { booked: None, ..pacer.reserve(&key, &one).await?.snapshot(&one) };
    for _ in 0..2 {
        let touch = pacing::slow(&scene);
        let reply = pacer.reserve(&key, &touch).await?;
        let snapshot = reply.snapshot(&touch);
        ensure!(reply.granted == 0 && snapshot == expected, "a touch after {expected:?} gave {snapshot:?}");
    }
    Ok(())
}

pub(crate) async fn outlives_its_backlog(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let period = scene.options.scaled(Duration::from_millis(100));
    let request = pacing::rate(&scene, 1, period, 1).with_calls(20);
    let booked = pacer.reserve(&key, &request).await?;
    let last = booked.starts(&request).last().unwrap_or_default();
    scene.sleep(Duration::from_millis(400)).await;
    let next = pacing::rate(&scene, 1, period, 1).with_calls(1);
    let reply = pacer.reserve(&key, &next).await?;
    let start = reply.starts(&next).next().unwrap_or_default();
    ensure!(
        start > last,
        "{:?} after a booking of two seconds in periods of {period:?} the next call starts {:?} before its end",
        reply.now.since(booked.now),
        last.since(start)
    );
    Ok(())
}

pub(crate) async fn one_clock(scene: Scene) -> Checked {
    let (clients, key) = ([scene.first.pacer()?, scene.second.pacer()?], scene.key("cell"));
    let (slack, touch) = (scene.options.scaled(Duration::from_millis(20)), pacing::slow(&scene));
    let asked = scene.runtime().now();
    let first = clients[0].reserve(&key, &touch).await?.now;
    let mut latest = first;
    for look in 1..=6 {
        scene.sleep(Duration::from_millis(25)).await;
        let sent = scene.runtime().now();
        let now = clients[look % 2].reserve(&key, &touch).await?.now;
        ensure!(now >= latest, "the clock went back from {latest} to {now}");
        latest = now;
        let (least, passed) = (25 * look as u32, now.since(first));
        let most = scene.runtime().now().since(asked) + slack;
        ensure!(
            passed + slack >= scene.options.scaled(Duration::from_millis(least.into())) && passed <= most,
            "in {:?} of ours {passed:?} passed in the store",
            sent.since(asked)
        );
    }
    Ok(())
}

pub(crate) async fn fresh_start(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    let request = ReserveRequest { fresh_start: SECOND, ..pacing::slow(&scene).with_calls(1) };
    let reply = pacer.reserve(&key, &request).await?;
    let (start, expected) = (reply.starts(&request).next(), reply.now + SECOND);
    ensure!(start == Some(expected), "the first start of a new cell is {start:?}, not {expected}");
    let held = pacer.reserve(&key, &pacing::slow(&scene)).await?.cell.fresh_until;
    ensure!(held == expected, "the cell remembers its fresh start as {held}, not {expected}");
    Ok(())
}

pub(crate) async fn deleted_is_forgotten(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    pacer.reserve(&key, &pacing::slow(&scene).with_calls(3)).await?;
    scene.store().delete(&key).await?;
    let request = pacing::slow(&scene).with_calls(1);
    let reply = pacer.reserve(&key, &request).await?;
    let free = reply.cell.epoch == request.epoch_if_new && reply.starts(&request).next() == Some(reply.now);
    ensure!(free, "after delete there was still the cell {}", reply.cell.to_text());
    Ok(())
}
