//! Counting those who use a cell.

use std::time::Duration;

use stitchapi_core::pace::{COUNT_WINDOW, ProcessCount, Reservation, ReserveRequest};
use stitchapi_core::{Key, StoreTime, micros_up};

use super::pacing;
use crate::contract::{Checked, Scene, Trouble, ensure};

/// What a process asks after this answer, without calls.
fn again(scene: &Scene, reply: &Reservation) -> ReserveRequest {
    let touch = pacing::slow(scene);
    ReserveRequest { snapshot: Some(reply.snapshot(&touch)), counted: reply.counted, ..touch }
}

/// Waits for the next window, unless this one has long to go.
async fn begins_early(scene: &Scene, key: &Key) -> Result<(), Trouble> {
    let now = scene.first.pacer()?.reserve(key, &pacing::slow(scene)).await?.now;
    let left = left_of_the_window(now);
    if left < COUNT_WINDOW / 4 {
        scene.sleep(left).await;
    }
    Ok(())
}

fn left_of_the_window(now: StoreTime) -> Duration {
    StoreTime((ProcessCount::window_at(now) + 1) * micros_up(COUNT_WINDOW)).since(now)
}

/// All these answers came in one window, or the clause cannot judge.
fn in_one_window(replies: &[&Reservation]) -> Result<(), Trouble> {
    let windows =
        replies.windows(2).all(|pair| ProcessCount::window_at(pair[0].now) == ProcessCount::window_at(pair[1].now));
    if windows { Ok(()) } else { Err(Trouble::too_slow()) }
}

pub(crate) async fn once_a_window(scene: Scene) -> Checked {
    let key = scene.key("cell");
    begins_early(&scene, &scene.key("clock")).await?;
    let (one, other) = (scene.first.pacer()?, scene.second.pacer()?);
    let first = one.reserve(&key, &pacing::slow(&scene).with_calls(1)).await?;
    let second = other.reserve(&key, &pacing::slow(&scene)).await?;
    let again = one.reserve(&key, &again(&scene, &first)).await?;
    in_one_window(&[&first, &second, &again])?;
    let window = Some(ProcessCount::window_at(first.now));
    let told = [first.counted, second.counted, again.counted];
    ensure!(told == [window; 3], "two processes in window {window:?} are told that they are counted in {told:?}");
    let active = [first.active(), second.active(), again.active()];
    ensure!(active == [1, 2, 2], "when two processes and the first of them again ask, there are {active:?}");
    Ok(())
}

pub(crate) async fn of_the_last_window(scene: Scene) -> Checked {
    let key = scene.key("cell");
    begins_early(&scene, &scene.key("clock")).await?;
    let pacer = scene.first.pacer()?;
    let asks = [pacer.reserve(&key, &pacing::slow(&scene)).await?, pacer.reserve(&key, &pacing::slow(&scene)).await?];
    in_one_window(&[&asks[0], &asks[1]])?;
    scene.sleep(left_of_the_window(asks[1].now)).await;
    let next = pacer.reserve(&key, &again(&scene, &asks[1])).await?;
    if ProcessCount::window_at(next.now) != ProcessCount::window_at(asks[1].now) + 1 {
        return Err(Trouble::too_slow());
    }
    let expected = ProcessCount { window: ProcessCount::window_at(next.now), current: 1, previous: 2 };
    ensure!(
        next.cell.processes == expected,
        "after a window of two, one has {:?}, not {expected:?}",
        next.cell.processes
    );
    Ok(())
}

pub(crate) async fn in_this_cell(scene: Scene) -> Checked {
    let (pacer, key) = (scene.first.pacer()?, scene.key("cell"));
    begins_early(&scene, &scene.key("clock")).await?;
    let before = pacer.reserve(&key, &pacing::slow(&scene).with_calls(1)).await?;
    scene.store().delete(&key).await?;
    let mut replies = vec![before];
    for _ in 0..2 {
        let reply = pacer.reserve(&key, &again(&scene, &replies[0])).await?;
        replies.push(reply);
    }
    in_one_window(&replies.iter().collect::<Vec<_>>())?;
    let active = [replies[1].active(), replies[2].active()];
    ensure!(active == [1, 2], "when two processes that a lost cell had counted ask, there are {active:?}");
    Ok(())
}
