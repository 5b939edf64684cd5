//! Cells and requests for the fast path of the script `reserve`, and close to it. The result must be that of the general
//! path.

use std::time::Duration;

use stitchapi_core::StoreTime;
use stitchapi_core::pace::{
    Cell, CellSnapshot, Costs, Limit, LimitId, LimitState, ProcessCount, ReserveRequest, Strictest, Tat,
};

use crate::cells;
use crate::common::Dice;
use crate::{SECOND, storable, time};

/// Returns one to three random limits.
pub(crate) fn limits(dice: &mut Dice) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::new();
    for _ in 0..dice.pick(&[1, 1, 1, 2, 2, 3]) {
        let period = dice.pick(&[100_000, SECOND, SECOND + 1, 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND]);
        let id = LimitId::new(dice.pick(&["calls", "tokens", "tokens out/é %"]), Duration::from_micros(period));
        let permits = dice.pick(&[1, 3, 7, 200, 997, 20_000, 200_000, 999_999, 1_000_000, 1_005_000, 1_005_001]);
        let large = dice.any_u32().max(1);
        let burst = dice.pick(&[1, 1, 1, 2, 5, 90, 1_000, 10_000, large]);
        if limits.iter().all(|limit| limit.id != id) {
            limits.push(Limit { id, permits, burst });
        }
    }
    limits
}

/// Returns a random cell with these limits that was used within the last second.
pub(crate) fn cell(dice: &mut Dice, limits: &[Limit], now: StoreTime) -> Cell {
    let stamp = |dice: &mut Dice| {
        let ago = Duration::from_micros(dice.pick(&[0, 0, 0, 1_000, 500_000, 950_000, SECOND]));
        if dice.one_in(20) { now + ago } else { now - ago }
    };
    let near = |dice: &mut Dice| {
        let near = Duration::from_micros(dice.any_size(100 * SECOND));
        if dice.one_in(2) { now + near } else { now - near }
    };
    let rarely = |dice: &mut Dice| if dice.one_in(4) { near(dice) } else { StoreTime(0) };
    Cell {
        epoch: dice.pick(&[0, 1, 7, 7, 7, u64::MAX]),
        seq: dice.any_size(1 << 40),
        held_until: rarely(dice),
        local_end: if dice.one_in(20) { storable(time(dice, now)) } else { rarely(dice).min(now) },
        opens_at: near(dice),
        max_lateness: Strictest { value: dice.pick(&[0, 1_000, 5_000]), at: stamp(dice) },
        processes: if dice.one_in(8) {
            cells::processes(dice, now)
        } else {
            ProcessCount { window: ProcessCount::window_at(now), current: 3, previous: 2 }
        },
        limits: limits
            .iter()
            .map(|limit| LimitState {
                id: limit.id.clone(),
                permits: Strictest { value: limit.permits, at: stamp(dice) },
                burst: Strictest { value: limit.burst, at: stamp(dice) },
                tat: Tat {
                    micros: if dice.one_in(10) { storable(time(dice, now)) } else { near(dice) }.0,
                    remainder: dice.any_u32() % limit.permits,
                },
            })
            .collect(),
    }
}

/// Returns a request for a few equal calls; in some cases one field is that of `any`.
pub(crate) fn request(
    dice: &mut Dice,
    limits: &[Limit],
    cell: Option<&Cell>,
    now: StoreTime,
    any: ReserveRequest,
) -> ReserveRequest {
    let max_lateness = cell.map_or(5_000, |cell| cell.max_lateness.value);
    let mut request =
        ReserveRequest::new(limits.to_vec(), Duration::from_micros(max_lateness.into()), any.epoch_if_new);
    let farthest = if dice.one_in(8) { 1 << 53 } else { 100 * SECOND };
    request.horizon = Duration::from_micros(dice.any_size(farthest));
    request.lead = Duration::from_micros(dice.pick(&[0, 0, 1, 50_000]));
    request.not_before = Some(now + Duration::from_micros(dice.any_size(SECOND))).filter(|_| dice.one_in(4));
    request.expires = Some(now + Duration::from_secs(1)).filter(|_| dice.one_in(2));
    request.snapshot =
        cell.map(|cell| CellSnapshot { epoch: cell.epoch, seq: cell.seq, tats: Vec::new(), booked: None });
    request.counts = !dice.one_in(4);
    request.counted = Some(ProcessCount::window_at(now));
    if let Some(cell) = cell.filter(|_| dice.one_in(2)) {
        request.counted = Some(cell.processes.window);
    }
    for _ in 0..dice.pick(&[0, 1, 1, 1, 1, 1, 2, 3]) {
        let large = if dice.one_in(4) { dice.any_u32() } else { 1 };
        let cost = |limit: &Limit| dice.pick(&[0, 1, 1, 1, 1, 2, 7, limit.burst, large]);
        let costs: Vec<u32> = limits.iter().map(cost).collect();
        if costs.iter().any(|cost| *cost > 0) {
            let times = dice.pick(&[1, 1, 2, 5, 25, 50, 100]);
            request.calls.extend(std::iter::repeat_n(Costs(costs.into()), times));
        }
    }
    match dice.below(60) {
        0 => request.horizon = any.horizon,
        1 => request.lead = any.lead,
        2 => request.not_before = any.not_before,
        3 => request.expires = any.expires,
        4 => request.max_hold = any.max_hold,
        5 => request.max_lateness = any.max_lateness,
        6 => request.rejoin = any.rejoin,
        7 => request.calls = any.calls,
        8 => (request.limits, request.calls) = (any.limits, any.calls),
        9 => request.counted = any.counted,
        10..20 => request.snapshot = any.snapshot,
        _ => {}
    }
    request
}
