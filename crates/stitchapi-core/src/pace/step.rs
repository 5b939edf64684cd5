//! The four changes of a cell, each as a pure function: what to answer and what to write.

use std::time::Duration;

use super::starts::Line;
use super::{Booking, Cell, LARGEST, Limit, LimitId, LimitState, Pace, Reservation, Starts, Strictest, Tat};
use crate::{StoreTime, micros_up};

/// The epoch of a cell that only a hold has created.
const NOT_BORN: u64 = 0;

/// A reply, and the cell to write; `None` leaves the store as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stepped<R> {
    /// What the caller is told.
    pub reply: R,
    /// What the store keeps from now on.
    pub write: Option<Cell>,
}

/// Books starts for the calls of `pace`: see [`Pacer::reserve`](crate::Pacer::reserve).
#[must_use]
pub fn reserve(stored: Option<&Cell>, now: StoreTime, pace: &Pace) -> Stepped<Reservation> {
    let cell = repair(stored, now, pace);
    let e_min = (now + pace.lead).max(cell.held_until).max(cell.fresh_until).max(pace.not_before.unwrap_or_default());
    if pace.expires.is_some_and(|expires| now > expires) {
        return Stepped { reply: Reservation { now, e_min, cell, granted: 0 }, write: None };
    }

    let last = e_min + pace.horizon;
    let mut starts = Starts::new(&cell, pace, e_min);
    let granted = starts.book_until(last);
    let mut after = cell.clone();
    if granted > 0 {
        for (id, tat) in starts.tats() {
            set_tat(&mut after, id, tat);
        }
        after.seq += 1;
    }
    let write = (stored != Some(&after)).then_some(after);
    Stepped { reply: Reservation { now, e_min, cell, granted }, write }
}

/// Gives bookings back: see [`Pacer::refund`](crate::Pacer::refund).
#[must_use]
pub fn refund(stored: Option<&Cell>, booking: &Booking) -> Stepped<bool> {
    let Some(cell) = stored.filter(|cell| (cell.epoch, cell.seq) == (booking.epoch, booking.seq)) else {
        return Stepped { reply: false, write: None };
    };
    let mut cell = cell.clone();
    for (id, tat) in &booking.tats {
        set_tat(&mut cell, id, *tat);
    }
    cell.seq += 1;
    Stepped { reply: true, write: Some(cell) }
}

/// Corrects what one limit was charged: see [`Pacer::settle`](crate::Pacer::settle).
#[must_use]
pub fn settle(stored: Option<&Cell>, now: StoreTime, limit: &LimitId, delta: i64) -> Stepped<()> {
    let found = stored.and_then(|cell| Some((cell, cell.limits.iter().position(|state| state.id == *limit)?)));
    let Some((cell, index)) = found.filter(|_| delta != 0) else {
        return Stepped { reply: (), write: None };
    };
    let mut cell = cell.clone();
    let mut line = Line::new(&cell.limits[index], cell.guard.value);
    line.settle(delta, now);
    cell.limits[index].tat = line.tat();
    cell.seq += 1;
    Stepped { reply: (), write: Some(cell) }
}

/// Holds everybody: see [`Pacer::hold`](crate::Pacer::hold).
#[must_use]
pub fn hold(stored: Option<&Cell>, now: StoreTime, until: StoreTime, cap: Duration) -> Stepped<()> {
    let until = StoreTime(until.min(now + cap).0.min(LARGEST));
    let mut cell = stored.cloned().unwrap_or_else(|| empty(NOT_BORN, 0, Strictest::brought(0, now)));
    if until <= cell.held_until {
        return Stepped { reply: (), write: None };
    }
    cell.held_until = until;
    cell.seq += 1;
    Stepped { reply: (), write: Some(cell) }
}

/// The cell as this request may use it: created, or mended if it is older than what the caller remembers, with the
/// caller's limits brought in and the hold applied.
fn repair(stored: Option<&Cell>, now: StoreTime, pace: &Pace) -> Cell {
    let known = stored.filter(|cell| cell.epoch != NOT_BORN);
    let older = pace.seen.as_ref().filter(|mark| match known {
        None => mark.tats.iter().any(|tat| *tat > now),
        Some(cell) => cell.epoch == mark.epoch && cell.seq < mark.seq,
    });
    let fresh_epoch = pace.epoch_if_new.max(NOT_BORN + 1);
    let guard = u32::try_from(micros_up(pace.guard)).unwrap_or(u32::MAX);

    let mut moved = false;
    let mut cell = known.cloned().unwrap_or_else(|| {
        let mut cell = empty(fresh_epoch, 0, Strictest::brought(guard, now));
        cell.held_until = stored.map_or(StoreTime(0), |hold| hold.held_until);
        cell.fresh_until = StoreTime((now + pace.fresh_start).0.min(LARGEST));
        cell
    });

    let in_force = cell.guard.value;
    cell.guard = cell.guard.bring(guard, now, u32::max);
    moved |= cell.guard.value != in_force;
    for limit in &pace.limits {
        moved |= bring(&mut cell, limit, now);
    }
    cell.limits.retain(|state| {
        let brought = pace.limits.iter().any(|limit| limit.id == state.id);
        brought || state.permits.holds(now) || state.burst.holds(now) || state.tat.rounded_up() > now
    });

    if let Some(mark) = older {
        for state in &mut cell.limits {
            let mut line = Line::new(state, cell.guard.value);
            let index = pace.limits.iter().position(|limit| limit.id == state.id);
            if let Some(tat) = index.and_then(|index| mark.tats.get(index)) {
                line.raise(*tat, 0);
            }
            line.raise(now, state.burst.value);
            state.tat = line.tat();
        }
    }

    let longest = StoreTime((now + pace.max_hold).0.min(LARGEST));
    if cell.held_until > longest {
        cell.held_until = longest;
        moved = true;
    }
    if cell.held_until > StoreTime(0) {
        moved |= take_burst_credit(&mut cell);
    }

    if let Some(mark) = older {
        cell.epoch = fresh_epoch;
        cell.seq = cell.seq.max(mark.seq) + 1;
    } else if moved && known.is_some() {
        cell.seq += 1;
    }
    cell
}

/// Brings one limit of a caller into the cell; says whether that changes what holds.
fn bring(cell: &mut Cell, limit: &Limit, now: StoreTime) -> bool {
    let Some(state) = cell.limits.iter_mut().find(|state| state.id == limit.id) else {
        cell.limits.push(LimitState {
            id: limit.id.clone(),
            permits: Strictest::brought(limit.permits.max(1), now),
            burst: Strictest::brought(limit.burst.max(1), now),
            tat: Tat::default(),
        });
        return true;
    };
    let before = (state.permits.value, state.burst.value);
    state.permits = state.permits.bring(limit.permits.max(1), now, u32::min);
    state.burst = state.burst.bring(limit.burst.max(1), now, u32::min);
    if state.permits.value != before.0 {
        // The remainder counts in another unit now: round up, to the strict side.
        state.tat = Tat { micros: state.tat.rounded_up().0, remainder: 0 };
    }
    (state.permits.value, state.burst.value) != before
}

/// A hold leaves no burst behind it: the shortest limit has spent its credit when the hold ends. Longer ones keep theirs,
/// else one short 429 would make `10/s` beside `1000/h` one call per 7 s for an hour.
///
/// A tat never falls below this again by itself, so applying it to every reader applies it once.
fn take_burst_credit(cell: &mut Cell) -> bool {
    let shortest = cell.limits.iter().map(|state| state.id.period()).min();
    let mut moved = false;
    for state in cell.limits.iter_mut().filter(|state| Some(state.id.period()) == shortest) {
        let mut line = Line::new(state, cell.guard.value);
        line.raise(cell.held_until, state.burst.value - 1);
        moved |= state.tat != line.tat();
        state.tat = line.tat();
    }
    moved
}

fn empty(epoch: u64, seq: u64, guard: Strictest) -> Cell {
    let never = StoreTime(0);
    Cell { epoch, seq, held_until: never, local_end: never, fresh_until: never, guard, limits: Vec::new() }
}

fn set_tat(cell: &mut Cell, id: &LimitId, tat: Tat) {
    if let Some(state) = cell.limits.iter_mut().find(|state| state.id == *id) {
        state.tat = tat;
    }
}
