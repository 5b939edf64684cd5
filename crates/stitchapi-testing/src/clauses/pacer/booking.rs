//! Booking starts with `reserve`.

use std::time::Duration;

use stitchapi_core::pace::{CellSnapshot, ReserveRequest};
use stitchapi_core::{StoreError, StoreTime};

use super::requests;
use crate::harness::{ClauseResult, Fixture, ensure};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Spacing of six calls a minute, with the default maximum lateness of 5 ms per period.
const SLOW_SPACING: Duration = Duration::from_micros(60_005_000 / 6 + 1);

pub(crate) async fn in_order(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("cell");
    let request = requests::with_rate(&fixture, 10, MINUTE, 3).with_calls(5);
    let spacing = Duration::from_micros(60_005_000 / 10);
    let reply = fixture.first.pacer()?.reserve(&key, &request).await?;
    let starts: Vec<_> = reply.starts(&request).collect();
    let expected = [0, 0, 0, 1, 2].map(|spacings| reply.now + spacing * spacings);
    ensure!(starts == expected, "five calls with a burst of three start at {starts:?}, expected {expected:?}");
    let next = fixture.second.pacer()?.reserve(&key, &request).await?;
    let starts: Vec<_> = next.starts(&request).take(2).collect();
    let expected = [3, 4].map(|spacings| reply.now + spacing * spacings);
    ensure!(starts == expected, "the next calls start at {starts:?}, expected {expected:?}");
    Ok(())
}

pub(crate) async fn keys_apart(fixture: Fixture) -> ClauseResult {
    let pacer = fixture.first.pacer()?;
    let (one, other) = (requests::slow(&fixture).with_calls(3), requests::slow(&fixture).with_calls(1));
    pacer.reserve(&fixture.key("one"), &one).await?;
    let reply = pacer.reserve(&fixture.key("other"), &other).await?;
    let is_new = reply.cell.epoch == other.epoch_if_new && reply.starts(&other).next() == Some(reply.now);
    ensure!(is_new, "the first booking under a second key found the cell {}", reply.cell.to_text());
    Ok(())
}

pub(crate) async fn never_overlaps(fixture: Fixture) -> ClauseResult {
    let clients = [fixture.first.pacer()?, fixture.second.pacer()?];
    let reserves = (0..32).map(|caller| {
        let (pacer, key) = (clients[caller % 2].clone(), fixture.key("cell"));
        let request = requests::fast(fixture.runtime().random()).with_calls(2);
        async move {
            let reply = pacer.reserve(&key, &request).await?;
            Ok::<_, StoreError>(reply.starts(&request).collect::<Vec<_>>())
        }
    });
    let mut starts = Vec::new();
    for booked in fixture.run_concurrently(reserves).await? {
        starts.extend(booked?);
    }
    starts.sort_unstable();
    ensure!(starts.len() == 64, "32 callers of two calls each received {} starts", starts.len());
    let closest = starts.windows(2).map(|pair| pair[1].since(pair[0])).min().unwrap_or_default();
    ensure!(
        closest >= requests::FAST_SPACING,
        "two callers received starts {closest:?} apart, expected at least {:?}",
        requests::FAST_SPACING
    );
    Ok(())
}

pub(crate) async fn horizon(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let request = ReserveRequest { horizon: SLOW_SPACING * 5 / 2, ..requests::slow(&fixture).with_calls(5) };
    let reply = pacer.reserve(&key, &request).await?;
    ensure!(reply.granted == 3, "{} of five calls were booked within a horizon of 2.5 spacings", reply.granted);
    let next = requests::slow(&fixture).with_calls(1);
    let start = pacer.reserve(&key, &next).await?.starts(&next).next();
    let expected = reply.next_start(&request);
    ensure!(
        start == expected,
        "after a booking cut by its horizon the next call starts at {start:?}, not {expected:?}"
    );
    Ok(())
}

pub(crate) async fn expired_caller(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let one = requests::slow(&fixture).with_calls(1);
    let first = pacer.reserve(&key, &one).await?;
    let expires = |at| ReserveRequest { expires: Some(at), ..requests::slow(&fixture) };
    let granted = pacer.reserve(&key, &expires(StoreTime(first.now.0 - 1)).with_calls(3)).await?.granted;
    ensure!(granted == 0, "{granted} starts were booked for a request that had expired");
    let live = expires(first.now + Fixture::HOUR).with_calls(1);
    let reply = pacer.reserve(&key, &live).await?;
    let (start, expected) = (reply.starts(&live).next(), first.snapshot(&one).tats.first().copied());
    ensure!(start == expected, "after an expired request the next call starts at {start:?}, expected {expected:?}");
    Ok(())
}

pub(crate) async fn without_calls(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let one = requests::slow(&fixture).with_calls(1);
    // The requests below carry no snapshot, so their replies do not state a booking.
    let expected = CellSnapshot { booked: None, ..pacer.reserve(&key, &one).await?.snapshot(&one) };
    for _ in 0..2 {
        let touch = requests::slow(&fixture);
        let reply = pacer.reserve(&key, &touch).await?;
        let found = reply.snapshot(&touch);
        ensure!(
            reply.granted == 0 && found == expected,
            "a reserve without calls changed the cell from {expected:?} to {found:?}"
        );
    }
    Ok(())
}

pub(crate) async fn outlives_its_bookings(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let period = fixture.options.scaled(Duration::from_millis(100));
    let request = requests::with_rate(&fixture, 1, period, 1).with_calls(20);
    let booked = pacer.reserve(&key, &request).await?;
    let last = booked.starts(&request).last().unwrap_or_default();
    fixture.sleep(Duration::from_millis(400)).await;
    let next = requests::with_rate(&fixture, 1, period, 1).with_calls(1);
    let reply = pacer.reserve(&key, &next).await?;
    let start = reply.starts(&next).next().unwrap_or_default();
    ensure!(
        start > last,
        "{:?} after 20 bookings in periods of {period:?} the next call starts {:?} before the last booked start",
        reply.now.since(booked.now),
        last.since(start)
    );
    Ok(())
}

pub(crate) async fn initial_delay(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let request = ReserveRequest { initial_delay: SECOND, ..requests::slow(&fixture).with_calls(1) };
    let reply = pacer.reserve(&key, &request).await?;
    let (start, expected) = (reply.starts(&request).next(), reply.now + SECOND);
    ensure!(start == Some(expected), "the first start of a new cell is {start:?}, expected {expected}");
    let opens_at = pacer.reserve(&key, &requests::slow(&fixture)).await?.cell.opens_at;
    ensure!(opens_at == expected, "the cell stores opens_at {opens_at}, expected {expected}");
    Ok(())
}

pub(crate) async fn deleted(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    pacer.reserve(&key, &requests::slow(&fixture).with_calls(3)).await?;
    fixture.store().delete(&key).await?;
    let request = requests::slow(&fixture).with_calls(1);
    let reply = pacer.reserve(&key, &request).await?;
    let is_new = reply.cell.epoch == request.epoch_if_new && reply.starts(&request).next() == Some(reply.now);
    ensure!(is_new, "after delete the next booking found the cell {}", reply.cell.to_text());
    Ok(())
}
