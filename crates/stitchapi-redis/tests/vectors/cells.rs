//! Pacing cells.

use std::time::Duration;

use stitchapi_core::pace::transition::{self, Transition};
use stitchapi_core::pace::{
    Booking, Cell, CellSnapshot, Costs, Limit, LimitId, LimitState, ProcessCount, Rejoin, ReserveRequest, Strictest,
    Tat,
};
use stitchapi_core::{Key, Pacer as _, Prefix, StoreTime};
use stitchapi_redis::RedisStore;

use crate::common::{Dice, Recorder, tokio};
use crate::fast_path;
use crate::server;
use crate::{MAX_SAFE_INTEGER, OPERATIONS, RawKey, SECOND, SEQUENCES, storable, time};

const YEAR: u64 = 366 * 86_400 * 1_000_000;

#[test]
fn the_scripts_of_pacing_match_the_transitions_byte_for_byte() {
    let server = server!();
    let mut dice = Dice::new();
    tokio().block_on(async {
        let recorder = Recorder::connect(&server.url()).await;
        let store = RedisStore::new(recorder.clone());
        let mut counts = [0; 5];
        for sequence in 0..SEQUENCES {
            let key = Key::new("cell").part(sequence.to_string());
            let raw = RawKey { recorder: recorder.clone(), key: key.render(&Prefix::default()) };
            let is_fast_path = sequence % 2 == 0;
            let limits = if is_fast_path { fast_path::limits(&mut dice) } else { limits(&mut dice) };
            let mut pair = Pair { store: &store, raw, key, limits, is_fast_path, cell: None, newest: None };
            for _ in 0..OPERATIONS {
                counts[pair.step(&mut dice).await] += 1;
            }
        }
        println!("{counts:?} times reserve, refund, settle, hold, replaced state");
    });
}

/// Cell on the server, and the same cell computed by the transitions.
struct Pair<'a> {
    store: &'a RedisStore,
    raw: RawKey,
    key: Key,
    limits: Vec<Limit>,
    is_fast_path: bool,
    cell: Option<Cell>,
    newest: Option<(CellSnapshot, Booking)>,
}

impl Pair<'_> {
    async fn step(&mut self, dice: &mut Dice) -> usize {
        let (before, now) = (self.cell.clone(), StoreTime::from_system_clock());
        self.raw.persist().await;
        match dice.below(if self.is_fast_path { 30 } else { 12 }) {
            0 => {
                let Some((_, mut booking)) = self.newest.clone() else { return self.replace_state(dice).await };
                booking.seq += u64::from(dice.one_in(8));
                booking.epoch ^= u64::from(dice.one_in(8));
                let refunded = self.store.refund(&self.key, &booking).await.unwrap();
                let Transition { reply, write } = transition::refund(before.as_ref(), &booking);
                assert_eq!(refunded, reply, "{booking:?}");
                self.compare(write, &format!("{booking:?}")).await;
                1
            }
            1 => {
                let id = dice.pick(&self.limits).id;
                let id = if dice.one_in(9) { LimitId::new("nothing", id.period()) } else { id };
                let delta = i64::from(dice.any_u32()) * dice.pick(&[-1, 1]);
                let delta = dice.pick(&[delta, delta, delta, delta, 0, i64::MIN, i64::MAX]);
                self.store.settle(&self.key, &id, delta).await.unwrap();
                let Transition { reply: (), write } =
                    transition::settle(before.as_ref(), self.raw.recorder.now(), &id, delta);
                self.compare(write, &format!("settle {id:?} {delta}")).await;
                2
            }
            2 => {
                let until = time(dice, now);
                let cap = duration(dice);
                self.store.hold(&self.key, until, cap).await.unwrap();
                let Transition { reply: (), write } =
                    transition::hold(before.as_ref(), self.raw.recorder.now(), until, cap);
                self.compare(write, &format!("hold {until:?} {cap:?}")).await;
                3
            }
            3 => self.replace_state(dice).await,
            _ => {
                let mut request = self.request(dice, now);
                if self.is_fast_path {
                    request = fast_path::request(dice, &self.limits, before.as_ref(), now, request);
                }
                let reply = self.store.reserve(&self.key, &request).await.unwrap();
                let Transition { reply: expected, write } =
                    transition::reserve(before.as_ref(), self.raw.recorder.now(), &request);
                let text = (reply.cell.to_text(), expected.cell.to_text());
                assert_eq!(text.0, text.1, "for {request:?} on {before:?}");
                assert_eq!(reply, expected, "for {request:?} on {before:?}");
                self.newest = Some((reply.snapshot(&request), reply.tail(&request, dice.below(4) as usize)));
                self.compare(write, &format!("{request:?}")).await;
                0
            }
        }
    }

    /// Asserts that the server has the cell of the transition, with its ttl.
    async fn compare(&mut self, write: Option<Cell>, operation: &str) {
        let before = self.cell.as_ref().map(Cell::to_text);
        let ttl = write.as_ref().map(|cell| cell.ttl(self.raw.recorder.now()));
        self.raw.assert_written(ttl, operation).await;
        self.cell = write.or(self.cell.take());
        let expected = self.cell.as_ref().map(|cell| format!("p{}", cell.to_text()));
        assert_eq!(self.raw.get().await, expected, "after {operation} on {before:?}");
    }

    /// Replaces the state of the cell on the server: by none, or by a random one.
    async fn replace_state(&mut self, dice: &mut Dice) -> usize {
        let now = StoreTime::from_system_clock();
        if dice.one_in(4) {
            self.cell = None;
            self.raw.delete().await;
            return 4;
        }
        let cell = if self.is_fast_path && !dice.one_in(8) {
            fast_path::cell(dice, &self.limits, now)
        } else {
            self.random_cell(dice, now)
        };
        self.raw.set(format!("p{}", cell.to_text())).await;
        self.cell = Some(cell);
        4
    }

    fn random_cell(&self, dice: &mut Dice, now: StoreTime) -> Cell {
        let stamp = |dice: &mut Dice| {
            let ago = dice.pick(&[0, 400_000, SECOND, 30 * SECOND, 59 * SECOND, 61 * SECOND, 3_600 * SECOND]);
            if dice.one_in(8) { now + Duration::from_micros(ago) } else { now - Duration::from_micros(ago) }
        };
        let mut cell = Cell {
            epoch: dice.pick(&[1, 7, u64::MAX, dice_epoch(&self.newest)]),
            seq: dice.any_size(MAX_SAFE_INTEGER - 1_000),
            held_until: storable(time(dice, now)),
            local_end: storable(time(dice, now)),
            opens_at: storable(time(dice, now)),
            max_lateness: Strictest { value: dice.any_u32(), at: stamp(dice) },
            processes: processes(dice, now),
            limits: Vec::new(),
        };
        if dice.one_in(6) {
            cell.epoch = 0;
        } else {
            let mut all = self.limits.clone();
            all.extend(limits(dice).into_iter().take(2));
            for Limit { id, permits, burst } in all {
                if dice.one_in(3) || cell.limits.iter().any(|state| state.id == id) {
                    continue;
                }
                let permits = dice.pick(&[permits, permits, permits / 2, permits.saturating_mul(3)]).max(1);
                let burst = dice.pick(&[burst, burst, burst / 2, burst.saturating_mul(3)]).max(1);
                let micros = storable(time(dice, now)).0.min(MAX_SAFE_INTEGER - 1);
                let tat = Tat { micros, remainder: dice.any_u32() % permits };
                let (permits, burst) =
                    (Strictest { value: permits, at: stamp(dice) }, Strictest { value: burst, at: stamp(dice) });
                cell.limits.push(LimitState { id, permits, burst, tat });
            }
        }
        cell
    }

    fn request(&self, dice: &mut Dice, now: StoreTime) -> ReserveRequest {
        let mut limits = self.limits.clone();
        for limit in &mut limits {
            if dice.one_in(8) {
                limit.permits = dice.any_u32().max(1);
            }
            if dice.one_in(8) {
                limit.burst = dice.any_u32().max(1);
            }
        }
        if dice.one_in(10) {
            limits.truncate(1);
        }
        let max_lateness = Duration::from_micros(dice.pick(&[1_000, 5_000, 0, u64::from(u32::MAX), u64::MAX]));
        let mut request =
            ReserveRequest::new(limits, max_lateness, dice.pick(&[0, 1, dice_epoch(&None), u64::MAX, now.0]));
        request.horizon = duration(dice);
        request.lead = if dice.one_in(3) { duration(dice) } else { Duration::ZERO };
        request.initial_delay = if dice.one_in(2) { duration(dice) } else { Duration::from_millis(100) };
        request.max_hold = duration(dice);
        request.not_before = Some(time(dice, now)).filter(|_| dice.one_in(4));
        request.expires = Some(time(dice, now)).filter(|_| dice.one_in(5));
        request.rejoin = Some(Rejoin { alone_for: duration(dice), pause: duration(dice), since: time(dice, now) })
            .filter(|_| dice.one_in(4));
        request.snapshot = self.snapshot(dice, now, request.limits.len());
        request.counted = counted(dice, now);
        request.counts = !dice.one_in(4);
        for _ in 0..dice.below(4) {
            let costs = request.limits.iter().map(|limit| cost(dice, limit)).collect::<Vec<_>>();
            let costs = if dice.one_in(12) { costs[..1].to_vec() } else { costs };
            if costs.iter().any(|cost| *cost > 0) {
                let times = dice.pick(&[1, 1, 2, 3, 10, 100]);
                request.calls.extend(std::iter::repeat_n(Costs(costs.into()), times));
            }
        }
        request
    }

    fn snapshot(&self, dice: &mut Dice, now: StoreTime, limits: usize) -> Option<CellSnapshot> {
        let epoch = self.cell.as_ref().map_or(9, |cell| cell.epoch);
        let seq = self.cell.as_ref().map_or(9, |cell| cell.seq);
        match dice.below(4) {
            0 => None,
            1 => self.newest.as_ref().map(|(snapshot, _)| snapshot.clone()),
            _ => Some(CellSnapshot {
                epoch: dice.pick(&[epoch, epoch, 9, u64::MAX]),
                seq: (dice.pick(&[seq, seq + 1, seq + 40, 0])).min(MAX_SAFE_INTEGER - 1_000),
                tats: (0..limits as u64 + dice.below(2)).map(|_| time(dice, now)).collect(),
                booked: Some(time(dice, now)).filter(|_| dice.one_in(2)),
            }),
        }
    }
}

fn dice_epoch(newest: &Option<(CellSnapshot, Booking)>) -> u64 {
    newest.as_ref().map_or(0xdead_beef_dead_beef, |(snapshot, _)| snapshot.epoch)
}

/// Returns a random process count: of this window, of the one before, or of another time.
pub(crate) fn processes(dice: &mut Dice, now: StoreTime) -> ProcessCount {
    let window = ProcessCount::window_at(now);
    let windows = [window, window, window - 1, window - 2, window + 1, 0, MAX_SAFE_INTEGER];
    ProcessCount { window: dice.pick(&windows), current: dice.any_u32(), previous: dice.any_u32() }
}

pub(crate) fn counted(dice: &mut Dice, now: StoreTime) -> Option<u64> {
    let window = ProcessCount::window_at(now);
    dice.pick(&[None, Some(window), Some(window), Some(window), Some(window - 1), Some(window + 1), Some(u64::MAX)])
}

fn duration(dice: &mut Dice) -> Duration {
    let near = Duration::from_nanos(dice.any_size(200_000_000_000));
    let far = Duration::from_micros(dice.any_size(u64::MAX));
    dice.pick(&[Duration::ZERO, near, near, near, near, near, far, Duration::MAX])
}

fn cost(dice: &mut Dice, limit: &Limit) -> u32 {
    let around = limit.burst.saturating_add(dice.pick(&[0, 1, 2])).saturating_sub(1);
    let any = dice.any_u32();
    dice.pick(&[0, 1, 1, 1, 1, 2, 7, around, any, u32::MAX])
}

/// Returns random limits of every size: with remainders, bursts, the largest numbers, and units that need escaping.
fn limits(dice: &mut Dice) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::new();
    for _ in 0..1 + dice.below(5) {
        let period = dice.pick(&[100_000, SECOND, SECOND + 1, 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND, YEAR]);
        let unit = dice.pick(&["calls", "calls", "tokens", "tokens out/é %", "", "%", "a:b c\u{0}\n-._~"]);
        let id = LimitId::new(unit, Duration::from_micros(period));
        let any = dice.any_u32();
        let permits = dice.pick(&[1, 3, 7, 997, 200_000, any, u32::MAX]).max(1);
        let any = dice.any_u32();
        let burst = dice.pick(&[1, 1, 2, 5, 90, any, u32::MAX]).max(1);
        if limits.iter().all(|limit| limit.id != id) {
            limits.push(Limit { id, permits, burst });
        }
    }
    limits
}
