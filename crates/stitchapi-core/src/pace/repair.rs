//! What a request makes of a cell before it books.

use super::gcra::Gcra;
use super::transition::{NOT_BORN, empty};
use super::{Cell, CellSnapshot, Limit, LimitState, ProcessCount, Rejoin, ReserveRequest, Strictest, Tat};
use crate::time::LARGEST;
use crate::{StoreTime, micros_up};

/// The cell as this request may use it: created, or mended if it is older than what the caller remembers, with the
/// caller's limits brought in, the hold applied and the caller counted.
pub(super) fn repair(stored: Option<&Cell>, now: StoreTime, request: &ReserveRequest) -> Cell {
    let known = born(stored);
    let older = request.snapshot.as_ref().filter(|snapshot| match known {
        None => snapshot.kept_until() > now,
        Some(cell) => cell.epoch == snapshot.epoch && cell.seq < snapshot.seq,
    });
    let fresh_epoch = request.epoch_if_new.max(NOT_BORN + 1);
    let guard = u32::try_from(micros_up(request.guard)).unwrap_or(u32::MAX);

    let mut moved = false;
    let mut cell = known.cloned().unwrap_or_else(|| {
        let mut cell = empty(fresh_epoch, 0, Strictest::declared(guard, now));
        cell.held_until = stored.map_or(StoreTime(0), |hold| hold.held_until);
        cell.fresh_until = StoreTime((now + request.fresh_start).0.min(LARGEST));
        cell
    });

    let in_force = cell.guard.value;
    cell.guard = cell.guard.declare(guard, now, u32::max);
    moved |= cell.guard.value != in_force;
    for limit in &request.limits {
        moved |= declare(&mut cell, limit, in_force, now);
    }
    cell.limits.retain(|state| {
        let brought = request.limits.iter().any(|limit| limit.id == state.id);
        brought || state.permits.holds(now) || state.burst.holds(now) || state.tat.rounded_up() > now
    });

    if let Some(snapshot) = older {
        for state in &mut cell.limits {
            let mut gcra = Gcra::new(state, cell.guard.value);
            let index = request.limits.iter().position(|limit| limit.id == state.id);
            if let Some(tat) = index.and_then(|index| snapshot.tats.get(index)) {
                gcra.raise(*tat, 0);
            }
            gcra.raise(now.max(cell.fresh_until), state.burst.value);
            state.tat = gcra.tat();
        }
    }

    let longest = StoreTime((now + request.max_hold).0.min(LARGEST));
    if cell.held_until > longest {
        cell.held_until = longest;
        moved = true;
    }
    if cell.held_until > StoreTime(0) {
        let held_until = cell.held_until;
        moved |= take_burst_credit(&mut cell, held_until);
    }

    // Who was counted in another cell was not counted in this one.
    let is_same =
        known.is_some_and(|cell| request.snapshot.as_ref().is_some_and(|snapshot| snapshot.epoch == cell.epoch));
    let processes = if older.is_some() { ProcessCount::default() } else { cell.processes };
    let counted = request.counted.filter(|_| is_same && older.is_none());
    cell.processes = if request.counts { processes.ask(counted, now) } else { processes.at(now) };

    if let Some(snapshot) = older {
        cell.epoch = fresh_epoch;
        cell.seq = cell.seq.max(snapshot.seq) + 1;
    } else if moved && known.is_some() {
        cell.seq += 1;
    }
    cell
}

/// Brings one limit of a caller into the cell, whose guard was `guard`; says whether that changes what holds.
fn declare(cell: &mut Cell, limit: &Limit, guard: u32, now: StoreTime) -> bool {
    let guard_now = cell.guard.value;
    let Some(state) = cell.limits.iter_mut().find(|state| state.id == limit.id) else {
        cell.limits.push(LimitState {
            id: limit.id.clone(),
            permits: Strictest::declared(limit.permits.max(1), now),
            burst: Strictest::declared(limit.burst.max(1), now),
            tat: Tat::default(),
        });
        return true;
    };
    let before = (state.permits.value, state.burst.value);
    let credit = Gcra::new(state, guard).credit();
    state.permits = state.permits.declare(limit.permits.max(1), now, u32::min);
    state.burst = state.burst.declare(limit.burst.max(1), now, u32::min);
    let moved = (state.permits.value, state.burst.value) != before;
    if moved || guard_now != guard {
        keep_credit(state, credit, guard_now, now);
    }
    moved
}

/// A limit has changed that had so much `credit` when it was full. What of it was spent stays spent: a unit that takes longer
/// now would be given again. The remainder counts in another unit now: rounded up, to the strict side.
fn keep_credit(state: &mut LimitState, credit: Tat, guard: u32, now: StoreTime) {
    let tat = state.tat.rounded_up();
    let more = Gcra::new(state, guard).credit().rounded_up().0.saturating_sub(credit.micros);
    let more = if tat > now { more } else { 0 };
    state.tat = Tat { micros: (tat.0 + more).min(LARGEST), remainder: 0 };
}

/// A hold leaves no burst behind it: the shortest limit has spent its credit when the hold ends. Longer ones keep theirs,
/// else one short 429 would make `10/s` beside `1000/h` one call per 7 s for an hour.
///
/// A tat never falls below this again by itself, so applying it to every reader applies it once.
fn take_burst_credit(cell: &mut Cell, end: StoreTime) -> bool {
    let shortest = cell.limits.iter().map(|state| state.id.period()).min();
    let mut moved = false;
    for state in cell.limits.iter_mut().filter(|state| Some(state.id.period()) == shortest) {
        let mut gcra = Gcra::new(state, cell.guard.value);
        gcra.raise(end, state.burst.value - 1);
        moved |= state.tat != gcra.tat();
        state.tat = gcra.tat();
    }
    moved
}

/// What becomes of a request: it changes nothing, or it is that of the first one back from an outage, or it books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Return {
    Waits,
    First(Rejoin),
    Joins,
}

impl Return {
    /// What becomes of a request that has not expired; one that was never away [joins](Self::Joins).
    pub(super) fn of(request: &ReserveRequest, stored: Option<&Cell>, now: StoreTime) -> Self {
        let Some(rejoin) = request.rejoin else { return Self::Joins };
        if stored.is_some_and(|cell| cell.local_end > now) {
            return Self::Waits;
        }
        let unmoved = |cell: &Cell| {
            request
                .snapshot
                .as_ref()
                .is_some_and(|CellSnapshot { epoch, seq, .. }| *epoch == cell.epoch && *seq >= cell.seq)
        };
        let is_first = |cell: &Cell| unmoved(cell) && !rejoin.was_announced_in(cell);
        if born(stored).is_none_or(is_first) { Self::First(rejoin) } else { Self::Joins }
    }
}

/// Everybody who comes back stays alone for a while, and then everybody pauses.
///
/// While all were alone they used the budget, and the cell knew nothing of it: the shortest limit has spent its burst, the
/// others what the caller says, and a cell that was lost, here `stored` under another epoch or not at all, everything.
pub(super) fn gather(cell: &mut Cell, stored: Option<&Cell>, request: &ReserveRequest, rejoin: Rejoin, now: StoreTime) {
    cell.local_end = StoreTime((now + rejoin.alone_for).0.min(LARGEST));
    cell.fresh_until = StoreTime((cell.local_end + rejoin.pause).0.min(LARGEST)).max(cell.fresh_until);
    cell.seq += 1;
    let fresh_until = cell.fresh_until;
    take_burst_credit(cell, fresh_until);
    let was_lost = stored.is_none_or(|stored| stored.epoch != cell.epoch);
    for (index, limit) in request.limits.iter().enumerate() {
        let Some(state) = cell.limits.iter_mut().find(|state| state.id == limit.id) else { continue };
        let mut gcra = Gcra::new(state, cell.guard.value);
        if let Some(tat) = request.snapshot.as_ref().and_then(|snapshot| snapshot.tats.get(index)) {
            gcra.raise(*tat, 0);
        }
        if was_lost {
            gcra.raise(fresh_until, state.burst.value);
        }
        state.tat = gcra.tat();
    }
}

/// A cell that is more than a hold.
fn born(stored: Option<&Cell>) -> Option<&Cell> {
    stored.filter(|cell| cell.epoch != NOT_BORN)
}
