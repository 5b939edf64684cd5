//! Holds: cooldowns that are stored in a cell.

use std::time::Duration;

use stitchapi_core::pace::{Cell, ReserveRequest};
use stitchapi_core::{Key, StoreTime};

use super::requests;
use crate::harness::{ClauseResult, Fixture, NotPassed, ensure};

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// Creates a cell and returns the store's time.
async fn create_cell(fixture: &Fixture, key: &Key) -> Result<StoreTime, NotPassed> {
    Ok(fixture.first.pacer()?.reserve(key, &requests::slow(fixture)).await?.now)
}

/// Reads the store's time and the cell, with a reserve without calls.
async fn read(fixture: &Fixture, key: &Key) -> Result<(StoreTime, Cell), NotPassed> {
    let touch = ReserveRequest { max_hold: Fixture::HOUR, ..requests::slow(fixture) };
    let reply = fixture.second.pacer()?.reserve(key, &touch).await?;
    Ok((reply.now, reply.cell))
}

pub(crate) async fn delays_starts(fixture: Fixture) -> ClauseResult {
    let (key, calls) = (fixture.key("cell"), requests::slow(&fixture).with_calls(1));
    let until = create_cell(&fixture, &key).await? + SECOND * 30;
    fixture.first.pacer()?.hold(&key, until, MINUTE).await?;
    let start = fixture.second.pacer()?.reserve(&key, &calls).await?.starts(&calls).next();
    ensure!(start == Some(until), "in a hold until {until} the next call starts at {start:?}");
    Ok(())
}

pub(crate) async fn ends_at_its_time(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("cell");
    let until = create_cell(&fixture, &key).await? + SECOND * 30;
    fixture.sleep(Duration::from_millis(20)).await;
    fixture.first.pacer()?.hold(&key, until, MINUTE).await?;
    let held_until = read(&fixture, &key).await?.1.held_until;
    ensure!(held_until == until, "a hold until {until} is stored as a hold until {held_until}");
    Ok(())
}

pub(crate) async fn repeated(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("cell");
    let until = create_cell(&fixture, &key).await? + SECOND * 30;
    let mut found = Vec::new();
    for _ in 0..2 {
        fixture.first.pacer()?.hold(&key, until, MINUTE).await?;
        let cell = read(&fixture, &key).await?.1;
        found.push((cell.held_until, cell.seq));
    }
    ensure!(
        found[0] == found[1],
        "the same hold again changed its end and the sequence number from {:?} to {:?}",
        found[0],
        found[1]
    );
    Ok(())
}

pub(crate) async fn later_extends(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("cell");
    let now = create_cell(&fixture, &key).await?;
    for (seconds, expected) in [(20, 20), (30, 30), (10, 30)] {
        fixture.first.pacer()?.hold(&key, now + SECOND * seconds, MINUTE).await?;
        let held = read(&fixture, &key).await?.1.held_until.since(now);
        ensure!(
            held == SECOND * expected,
            "after a hold of {seconds} s the cell is held for {held:?}, not {expected} s"
        );
    }
    Ok(())
}

pub(crate) async fn cut_when_written(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("cell");
    let (before, cap) = (create_cell(&fixture, &key).await?, SECOND * 30);
    fixture.first.pacer()?.hold(&key, before + Fixture::HOUR, cap).await?;
    let (after, cell) = read(&fixture, &key).await?;
    let held_until = cell.held_until;
    let (earliest, latest) = (before + cap, after + cap);
    ensure!(
        (earliest..=latest).contains(&held_until),
        "a hold of an hour with a cap of {cap:?} lasts until {held_until}, expected between {earliest} and {latest}"
    );
    Ok(())
}

pub(crate) async fn cut_when_read(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let until = create_cell(&fixture, &key).await? + SECOND * 50;
    pacer.hold(&key, until, MINUTE).await?;
    let touch = ReserveRequest { max_hold: SECOND * 5, ..requests::slow(&fixture) };
    let reply = pacer.reserve(&key, &touch).await?;
    let (held_until, expected) = (reply.cell.held_until, reply.now + SECOND * 5);
    ensure!(
        held_until == expected,
        "a request with max_hold of five seconds received a hold until {held_until}, expected {expected}"
    );
    Ok(())
}

pub(crate) async fn waits_for_absent_cell(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let until = create_cell(&fixture, &fixture.key("clock")).await? + SECOND * 30;
    pacer.hold(&key, until, MINUTE).await?;
    let calls = requests::slow(&fixture).with_calls(1);
    let reply = pacer.reserve(&key, &calls).await?;
    let start = reply.starts(&calls).next();
    ensure!(start == Some(until), "after a hold until {until} on an absent cell the first call starts at {start:?}");
    let epoch = reply.cell.epoch;
    ensure!(
        epoch == calls.epoch_if_new,
        "a hold on an absent cell set the epoch {epoch:016x}, expected the epoch of the first reserve"
    );
    Ok(())
}

pub(crate) async fn no_burst_afterwards(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let calls = requests::with_rate(&fixture, 6, MINUTE, 4).with_calls(3);
    let touch = ReserveRequest { calls: Vec::new(), ..calls.clone() };
    let until = pacer.reserve(&key, &touch).await?.now + SECOND * 30;
    pacer.hold(&key, until, MINUTE).await?;
    let reply = pacer.reserve(&key, &calls).await?;
    let at_once = reply.starts(&calls).filter(|start| start.since(until) < SECOND * 10).count();
    ensure!(at_once == 1, "{at_once} calls of a burst of four start together as a hold ends, expected one");
    let again = pacer.reserve(&key, &calls).await?;
    let (start, expected) = (again.starts(&calls).next(), reply.snapshot(&calls).tats[0]);
    let fourth = StoreTime(start.unwrap_or_default().0 + 3 * 10_000_833);
    ensure!(
        fourth.since(expected) < SECOND && expected.since(fourth) < SECOND,
        "a hold took the burst credit twice: the fourth call starts at {start:?}"
    );
    Ok(())
}
