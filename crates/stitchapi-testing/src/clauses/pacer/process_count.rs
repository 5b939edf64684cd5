//! The count of processes that use a cell.

use std::time::Duration;

use stitchapi_core::pace::{COUNT_WINDOW, ProcessCount, Reservation, ReserveRequest};
use stitchapi_core::{Key, StoreTime, micros_up};

use super::requests;
use crate::harness::{ClauseResult, Fixture, NotPassed, ensure};

/// Returns the next request, without calls, of the process that received `reply`.
fn next_request(fixture: &Fixture, reply: &Reservation) -> ReserveRequest {
    let touch = requests::slow(fixture);
    ReserveRequest { snapshot: Some(reply.snapshot(&touch)), counted: reply.counted, ..touch }
}

/// Sleeps until the next window if less than a quarter of the present one is left.
async fn wait_for_fresh_window(fixture: &Fixture, key: &Key) -> ClauseResult {
    let now = fixture.first.pacer()?.reserve(key, &requests::slow(fixture)).await?.now;
    let left = left_of_window(now);
    if left < COUNT_WINDOW / 4 {
        fixture.sleep(left).await;
    }
    Ok(())
}

fn left_of_window(now: StoreTime) -> Duration {
    StoreTime((ProcessCount::window_at(now) + 1) * micros_up(COUNT_WINDOW)).since(now)
}

/// Skips the clause unless all replies are of one window.
fn require_one_window(replies: &[&Reservation]) -> ClauseResult {
    let window = |reply: &Reservation| ProcessCount::window_at(reply.now);
    let is_one = replies.windows(2).all(|pair| window(pair[0]) == window(pair[1]));
    if is_one { Ok(()) } else { Err(NotPassed::too_slow()) }
}

pub(crate) async fn once_per_window(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("cell");
    wait_for_fresh_window(&fixture, &fixture.key("clock")).await?;
    let (one, other) = (fixture.first.pacer()?, fixture.second.pacer()?);
    let first = one.reserve(&key, &requests::slow(&fixture).with_calls(1)).await?;
    let second = other.reserve(&key, &requests::slow(&fixture)).await?;
    let again = one.reserve(&key, &next_request(&fixture, &first)).await?;
    require_one_window(&[&first, &second, &again])?;
    let window = Some(ProcessCount::window_at(first.now));
    let counted = [first.counted, second.counted, again.counted];
    ensure!(counted == [window; 3], "replies to two processes in window {window:?} state the windows {counted:?}");
    let active = [first.active(), second.active(), again.active()];
    ensure!(active == [1, 2, 2], "requests of two processes and of the first one again counted {active:?} processes");
    Ok(())
}

pub(crate) async fn previous_window(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("cell");
    wait_for_fresh_window(&fixture, &fixture.key("clock")).await?;
    let pacer = fixture.first.pacer()?;
    let touch = || requests::slow(&fixture);
    let replies = [pacer.reserve(&key, &touch()).await?, pacer.reserve(&key, &touch()).await?];
    require_one_window(&[&replies[0], &replies[1]])?;
    fixture.sleep(left_of_window(replies[1].now)).await;
    let next = pacer.reserve(&key, &next_request(&fixture, &replies[1])).await?;
    if ProcessCount::window_at(next.now) != ProcessCount::window_at(replies[1].now) + 1 {
        return Err(NotPassed::too_slow());
    }
    let expected = ProcessCount { window: ProcessCount::window_at(next.now), current: 1, previous: 2 };
    let found = next.cell.processes;
    ensure!(found == expected, "one process after a window of two: the cell has {found:?}, expected {expected:?}");
    Ok(())
}

pub(crate) async fn new_cell_counts_again(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    wait_for_fresh_window(&fixture, &fixture.key("clock")).await?;
    let before = pacer.reserve(&key, &requests::slow(&fixture).with_calls(1)).await?;
    fixture.store().delete(&key).await?;
    let mut replies = vec![before];
    for _ in 0..2 {
        let reply = pacer.reserve(&key, &next_request(&fixture, &replies[0])).await?;
        replies.push(reply);
    }
    require_one_window(&replies.iter().collect::<Vec<_>>())?;
    let active = [replies[1].active(), replies[2].active()];
    ensure!(
        active == [1, 2],
        "two processes that a lost cell had counted make a new cell count {active:?}, expected [1, 2]"
    );
    Ok(())
}
