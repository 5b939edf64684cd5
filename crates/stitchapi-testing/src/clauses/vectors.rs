//! Random sequences of operations, replayed beside the arithmetic of `pace`, byte for byte.

use std::time::Duration;

use stitchapi_core::pace::transition::{self, Transition};
use stitchapi_core::pace::{
    Booking, Cell, CellSnapshot, Costs, LimitId, LimitSpec, Rejoin, Reservation, ReserveRequest,
};
use stitchapi_core::{Key, StoreTime};

use super::pacing;
use crate::contract::{Checked, Scene, Trouble, ensure};

/// How many sequences, and how many operations each.
const SEQUENCES: u64 = 6;
const OPERATIONS: usize = 30;
/// An operation whose result would depend on the store's time within this is not asked for.
const SLACK: Duration = Duration::from_secs(5);

pub(crate) async fn replay(scene: Scene) -> Checked {
    for sequence in 0..SEQUENCES {
        let mut dice = Dice(scene.runtime().random());
        let mut copy = Copy::new(&scene, sequence);
        for operation in 0..OPERATIONS {
            copy.next(&mut dice).await.map_err(|trouble| match trouble {
                Trouble::Violated(seen) => Trouble::Violated(format!("operation {operation}: {seen}")),
                other => other,
            })?;
        }
    }
    Ok(())
}

/// A cell in the store, and what it must be.
struct Copy<'a> {
    scene: &'a Scene,
    key: Key,
    declared: Vec<LimitSpec>,
    cell: Option<Cell>,
    now: StoreTime,
    newest: Option<(CellSnapshot, Booking)>,
    counted: Option<u64>,
}

impl<'a> Copy<'a> {
    fn new(scene: &'a Scene, sequence: u64) -> Self {
        let (key, declared) = (scene.key(sequence.to_string()), declared(sequence));
        Self { scene, key, declared, cell: None, now: StoreTime(0), newest: None, counted: None }
    }

    async fn next(&mut self, dice: &mut Dice) -> Checked {
        match dice.below(10) {
            0 => self.refund(dice).await,
            1 => self.settle(dice).await,
            2 => self.hold(dice).await,
            3 => {
                self.scene.sleep(Duration::from_millis(dice.below(4) * 3)).await;
                self.reserve(dice).await
            }
            _ => self.reserve(dice).await,
        }
    }

    async fn reserve(&mut self, dice: &mut Dice) -> Checked {
        let request = self.request(dice);
        let reply = self.scene.first.pacer()?.reserve(&self.key, &request).await?;
        let late = self.now > StoreTime(0) && reply.now > self.now + self.slack();
        if late {
            return Err(Trouble::too_slow());
        }
        let Transition { reply: expected, write } = transition::reserve(self.cell.as_ref(), reply.now, &request);
        self.compare(&reply, &expected)?;
        self.newest = Some((reply.snapshot(&request), reply.tail(&request, dice.small(3))));
        self.counted = reply.counted.or(self.counted);
        self.now = reply.now;
        self.cell = write.or(self.cell.take());
        Ok(())
    }

    fn compare(&self, reply: &Reservation, expected: &Reservation) -> Checked {
        ensure!(reply.now >= self.now, "the clock went back from {} to {}", self.now, reply.now);
        let (found, cell) = (reply.cell.to_text(), expected.cell.to_text());
        ensure!(found == cell, "the cell is \"{found}\", not \"{cell}\"");
        let answer = |reply: &Reservation| (reply.granted, reply.e_min, reply.counted);
        let (found, answer) = (answer(reply), answer(expected));
        ensure!(found == answer, "the answer is {found:?}, not {answer:?} (granted, earliest start, counted)");
        Ok(())
    }

    async fn refund(&mut self, dice: &mut Dice) -> Checked {
        let Some((_, booking)) = &self.newest else { return Ok(()) };
        let mut booking = booking.clone();
        booking.seq += u64::from(dice.below(4) == 0);
        let Transition { reply: expected, write } = transition::refund(self.cell.as_ref(), &booking);
        let taken = self.scene.first.pacer()?.refund(&self.key, &booking).await?;
        ensure!(taken == expected, "a refund answered {taken}");
        self.cell = write.or(self.cell.take());
        Ok(())
    }

    async fn settle(&mut self, dice: &mut Dice) -> Checked {
        let limit = &self.declared[dice.small(self.declared.len())].id;
        let delta = i64::try_from(dice.below(12)).unwrap_or(0) - 6;
        let at = |now| transition::settle(self.cell.as_ref(), now, limit, delta).write;
        let write = at(self.now);
        if write == at(self.now + self.slack()) {
            self.scene.first.pacer()?.settle(&self.key, limit, delta).await?;
            self.cell = write.or(self.cell.take());
        }
        Ok(())
    }

    async fn hold(&mut self, dice: &mut Dice) -> Checked {
        let (until, cap) = (self.now + Duration::from_millis(dice.below(4_000)), Duration::from_secs(30));
        let at = |now| transition::hold(self.cell.as_ref(), now, until, cap).write;
        let write = at(self.now);
        // Where there is no cell the hold's stamp is the store's time.
        if self.cell.is_some() && write == at(self.now + self.slack()) {
            self.scene.first.pacer()?.hold(&self.key, until, cap).await?;
            self.cell = write.or(self.cell.take());
        }
        Ok(())
    }

    fn slack(&self) -> Duration {
        self.scene.options.scaled(SLACK)
    }

    fn request(&self, dice: &mut Dice) -> ReserveRequest {
        let mut declared = self.declared.clone();
        if dice.below(6) == 0 {
            declared[0].permits = (declared[0].permits / 2).max(1);
        }
        let mut request = pacing::of(&declared, self.scene.runtime().random());
        if dice.below(6) == 0 {
            request.guard *= 3;
        }
        request.horizon = Duration::from_micros(dice.below(40_000_000));
        request.lead = Duration::from_micros(dice.below(2) * dice.below(50_000));
        request.fresh_start = Duration::from_millis(dice.below(200));
        request.max_hold = Duration::from_millis(500 + dice.below(5_000));
        let soon = self.now + Duration::from_micros(dice.below(3_000_000));
        request.not_before = Some(soon).filter(|_| dice.below(4) == 0);
        request.expires = match dice.below(8) {
            0 => Some(StoreTime(self.now.0.saturating_sub(1))),
            1 => Some(self.now + Scene::HOUR),
            _ => None,
        };
        let some = |dice: &mut Dice| Duration::from_millis(dice.below(60));
        request.rejoin = Some(Rejoin {
            alone_for: some(dice),
            pause: some(dice),
            since: StoreTime(self.now.0.saturating_sub(dice.below(200_000))),
        })
        .filter(|_| dice.below(6) == 0);
        let newest = self.newest.as_ref().filter(|_| dice.below(3) > 0);
        request.snapshot =
            newest.map(|(snapshot, _)| CellSnapshot { seq: snapshot.seq + dice.below(5) / 4 * 3, ..snapshot.clone() });
        request.counted = self.counted.filter(|_| dice.below(4) > 0);
        request.counts = dice.below(4) > 0;
        request.calls = (0..dice.below(5)).map(|_| Costs(declared.iter().map(|_| dice.cost()).collect())).collect();
        request.calls.retain(|costs| costs.0.iter().any(|cost| *cost > 0));
        request
    }
}

/// Rates with remainders, bursts, caps, units that need escaping, and every number of limits.
fn declared(sequence: u64) -> Vec<LimitSpec> {
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

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }

    fn small(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap_or(0)
    }

    fn cost(&mut self) -> u32 {
        [0, 1, 1, 1, 2, 7][self.small(6)]
    }
}
