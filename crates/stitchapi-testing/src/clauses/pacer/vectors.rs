//! Random sequences of operations, compared with the arithmetic of [`stitchapi_core::pace`] byte for byte.
//!
//! Each operation goes to the store and to [`transition`]; the cell and the reply must be equal. That holds a driver with
//! scripts of its own to the same arithmetic as the stores built on `Cells`.

use std::time::Duration;

use stitchapi_core::pace::transition::{self, Transition};
use stitchapi_core::pace::{
    Booking, Cell, CellSnapshot, Costs, LimitId, LimitSpec, Rejoin, Reservation, ReserveRequest,
};
use stitchapi_core::{Key, StoreTime};

use super::requests;
use crate::harness::{ClauseResult, Fixture, NotPassed, ensure};
use crate::random::Random;

/// Number of sequences.
const SEQUENCES: u64 = 6;
/// Number of operations in a sequence.
const OPERATIONS: usize = 30;
/// Maximum time between two operations. An operation whose result depends on the store's time within it is left out.
const SLACK: Duration = Duration::from_secs(5);

pub(crate) async fn replay(fixture: Fixture) -> ClauseResult {
    for sequence in 0..SEQUENCES {
        let mut random = Random::new(fixture.runtime().random());
        let mut replay = Replay::new(&fixture, sequence);
        for operation in 0..OPERATIONS {
            replay.run_next(&mut random).await.map_err(|not_passed| match not_passed {
                NotPassed::Violated(observed) => NotPassed::Violated(format!("operation {operation}: {observed}")),
                other => other,
            })?;
        }
    }
    Ok(())
}

/// A cell in the store, beside the cell that the arithmetic computes.
struct Replay<'a> {
    fixture: &'a Fixture,
    key: Key,
    specs: Vec<LimitSpec>,
    /// The expected cell.
    cell: Option<Cell>,
    /// The store's time in the latest reply.
    now: StoreTime,
    /// Snapshot and refundable tail of the latest booking.
    latest: Option<(CellSnapshot, Booking)>,
    counted: Option<u64>,
}

impl<'a> Replay<'a> {
    fn new(fixture: &'a Fixture, sequence: u64) -> Self {
        let (key, specs) = (fixture.key(sequence.to_string()), specs(sequence));
        Self { fixture, key, specs, cell: None, now: StoreTime(0), latest: None, counted: None }
    }

    async fn run_next(&mut self, random: &mut Random) -> ClauseResult {
        match random.below(10) {
            0 => self.refund(random).await,
            1 => self.settle(random).await,
            2 => self.hold(random).await,
            3 => {
                self.fixture.sleep(Duration::from_millis(random.below_u64(4) * 3)).await;
                self.reserve(random).await
            }
            _ => self.reserve(random).await,
        }
    }

    async fn reserve(&mut self, random: &mut Random) -> ClauseResult {
        let request = self.request(random);
        let reply = self.fixture.first.pacer()?.reserve(&self.key, &request).await?;
        let is_late = self.now > StoreTime(0) && reply.now > self.now + self.slack();
        if is_late {
            return Err(NotPassed::too_slow());
        }
        let Transition { reply: expected, write } = transition::reserve(self.cell.as_ref(), reply.now, &request);
        self.compare(&reply, &expected)?;
        self.latest = Some((reply.snapshot(&request), reply.tail(&request, random.below(3))));
        self.counted = reply.counted.or(self.counted);
        self.now = reply.now;
        self.cell = write.or(self.cell.take());
        Ok(())
    }

    fn compare(&self, reply: &Reservation, expected: &Reservation) -> ClauseResult {
        ensure!(reply.now >= self.now, "the store's clock went back from {} to {}", self.now, reply.now);
        let (found, cell) = (reply.cell.to_text(), expected.cell.to_text());
        ensure!(found == cell, "the cell is \"{found}\", expected \"{cell}\"");
        let fields = |reply: &Reservation| (reply.granted, reply.e_min, reply.counted);
        let (found, expected) = (fields(reply), fields(expected));
        ensure!(found == expected, "reply (granted, e_min, counted) is {found:?}, expected {expected:?}");
        Ok(())
    }

    async fn refund(&mut self, random: &mut Random) -> ClauseResult {
        let Some((_, booking)) = &self.latest else { return Ok(()) };
        let mut booking = booking.clone();
        booking.seq += u64::from(random.below(4) == 0);
        let Transition { reply: expected, write } = transition::refund(self.cell.as_ref(), &booking);
        let is_taken = self.fixture.first.pacer()?.refund(&self.key, &booking).await?;
        ensure!(is_taken == expected, "refund returned {is_taken}, expected {expected}");
        self.cell = write.or(self.cell.take());
        Ok(())
    }

    async fn settle(&mut self, random: &mut Random) -> ClauseResult {
        let limit = &self.specs[random.below(self.specs.len())].id;
        let delta = i64::try_from(random.below(12)).unwrap_or(0) - 6;
        let written_at = |now| transition::settle(self.cell.as_ref(), now, limit, delta).write;
        let write = written_at(self.now);
        if write == written_at(self.now + self.slack()) {
            self.fixture.first.pacer()?.settle(&self.key, limit, delta).await?;
            self.cell = write.or(self.cell.take());
        }
        Ok(())
    }

    async fn hold(&mut self, random: &mut Random) -> ClauseResult {
        let (until, cap) = (self.now + Duration::from_millis(random.below_u64(4_000)), Duration::from_secs(30));
        let written_at = |now| transition::hold(self.cell.as_ref(), now, until, cap).write;
        let write = written_at(self.now);
        // A hold on an absent cell stores the store's time, which is not known exactly.
        if self.cell.is_some() && write == written_at(self.now + self.slack()) {
            self.fixture.first.pacer()?.hold(&self.key, until, cap).await?;
            self.cell = write.or(self.cell.take());
        }
        Ok(())
    }

    fn slack(&self) -> Duration {
        self.fixture.options.scaled(SLACK)
    }

    fn request(&self, random: &mut Random) -> ReserveRequest {
        let mut specs = self.specs.clone();
        if random.below(6) == 0 {
            specs[0].permits = (specs[0].permits / 2).max(1);
        }
        let mut request = requests::with_limits(&specs, self.fixture.runtime().random());
        if random.below(6) == 0 {
            request.max_lateness *= 3;
        }
        request.horizon = Duration::from_micros(random.below_u64(40_000_000));
        request.lead = Duration::from_micros(random.below_u64(2) * random.below_u64(50_000));
        request.initial_delay = Duration::from_millis(random.below_u64(200));
        request.max_hold = Duration::from_millis(500 + random.below_u64(5_000));
        let soon = self.now + Duration::from_micros(random.below_u64(3_000_000));
        request.not_before = Some(soon).filter(|_| random.below(4) == 0);
        request.expires = match random.below(8) {
            0 => Some(StoreTime(self.now.0.saturating_sub(1))),
            1 => Some(self.now + Fixture::HOUR),
            _ => None,
        };
        let pause = |random: &mut Random| Duration::from_millis(random.below_u64(60));
        request.rejoin = Some(Rejoin {
            alone_for: pause(random),
            pause: pause(random),
            since: StoreTime(self.now.0.saturating_sub(random.below_u64(200_000))),
        })
        .filter(|_| random.below(6) == 0);
        let latest = self.latest.as_ref().filter(|_| random.below(3) > 0);
        request.snapshot = latest
            .map(|(snapshot, _)| CellSnapshot { seq: snapshot.seq + random.below_u64(5) / 4 * 3, ..snapshot.clone() });
        request.counted = self.counted.filter(|_| random.below(4) > 0);
        request.counts = random.below(4) > 0;
        request.calls =
            (0..random.below(5)).map(|_| Costs(specs.iter().map(|_| draw_cost(random)).collect())).collect();
        request.calls.retain(|costs| costs.0.iter().any(|cost| *cost > 0));
        request
    }
}

/// Returns one to three limits: rates with remainders, bursts, caps, and a unit that needs escaping.
fn specs(sequence: u64) -> Vec<LimitSpec> {
    let rate = |unit: &'static str, micros: u64, permits, burst| LimitSpec {
        id: LimitId::new(unit, Duration::from_micros(micros)),
        permits,
        burst,
    };
    let calls = match sequence % 3 {
        0 => rate("calls", 1_000_000, 3, None),
        1 => rate("calls", 60_000_000, 7, Some(5)),
        _ => rate("calls", 1_000_001, 997, Some(2)),
    };
    let cap = rate("calls", 3_600_000_000, 1_000, Some(90));
    let tokens = rate("tokens out/é %", 60_000_000, 200_000, Some(1_000));
    match sequence {
        0 | 1 => vec![calls],
        2 | 3 => vec![calls, cap],
        _ => vec![calls, tokens, cap],
    }
}

/// Draws the cost of one call on one limit: mostly one unit, sometimes none or several.
fn draw_cost(random: &mut Random) -> u32 {
    [0, 1, 1, 1, 2, 7][random.below(6)]
}
