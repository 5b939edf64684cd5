//! The repair of a cell before a request books in it.
//!
//! [`repair`] takes the stored cell and returns the cell in which the request may book. It creates a cell if there is
//! none, restores a cell whose state was lost, declares the request's limits in it, applies the hold and counts the
//! process. `transition.rs` calls it for every request. `rejoin.rs` uses two of its helpers.

use super::cell::{Cell, LimitState};
use super::gcra::Gcra;
use super::limit::Limit;
use super::process_count::ProcessCount;
use super::request::{CellSnapshot, ReserveRequest};
use super::strictest::Strictest;
use super::tat::Tat;
use crate::time::MAX_SAFE_INTEGER;
use crate::{StoreTime, micros_up};

/// Repairs the stored cell: returns the cell in which `request` may book.
pub(super) fn repair(stored: Option<&Cell>, now: StoreTime, request: &ReserveRequest) -> Cell {
    let booked_in = with_bookings(stored);
    let lost = lost_state(booked_in, now, request);
    let new_epoch = Cell::booking_epoch(request.epoch_if_new);
    let max_lateness = u32::try_from(micros_up(request.max_lateness)).unwrap_or(u32::MAX);

    let mut cell = booked_in.cloned().unwrap_or_else(|| {
        let mut cell = Cell::empty(new_epoch, Strictest::declared(max_lateness, now));
        cell.held_until = stored.map_or(StoreTime(0), |hold_only| hold_only.held_until);
        cell.opens_at = StoreTime((now + request.initial_delay).0.min(MAX_SAFE_INTEGER));
        cell
    });

    let mut changed = declare_limits(&mut cell, request, max_lateness, now);
    if let Some(snapshot) = lost {
        restore(&mut cell, snapshot, request, now);
    }
    changed |= apply_hold(&mut cell, StoreTime((now + request.max_hold).0.min(MAX_SAFE_INTEGER)));

    // If the process was counted in a cell of another epoch, or in a state that was lost, this cell has not counted it.
    let is_same_epoch =
        booked_in.is_some_and(|cell| request.snapshot.as_ref().is_some_and(|snapshot| snapshot.epoch == cell.epoch));
    let processes = if lost.is_some() { ProcessCount::default() } else { cell.processes };
    let counted = request.counted.filter(|_| is_same_epoch && lost.is_none());
    cell.processes = if request.counts { processes.count(counted, now) } else { processes.at(now) };

    if let Some(snapshot) = lost {
        cell.epoch = new_epoch;
        cell.seq = cell.seq.max(snapshot.seq) + 1;
    } else if changed && booked_in.is_some() {
        cell.seq += 1;
    }
    cell
}

/// Returns the stored cell, unless it is absent or contains only a hold.
pub(super) fn with_bookings(stored: Option<&Cell>) -> Option<&Cell> {
    stored.filter(|cell| !cell.is_hold_only())
}

/// Returns the request's snapshot if the store has lost state that the snapshot knows: the cell is absent although the
/// store had to keep it, or it is an older state of the same epoch.
fn lost_state<'a>(stored: Option<&Cell>, now: StoreTime, request: &'a ReserveRequest) -> Option<&'a CellSnapshot> {
    request.snapshot.as_ref().filter(|snapshot| match stored {
        None => snapshot.kept_until() > now,
        Some(cell) => cell.epoch == snapshot.epoch && cell.seq < snapshot.seq,
    })
}

/// Declares the request's maximum lateness and limits in the cell, and removes limits that are no longer declared and
/// have no bookings. Returns `true` if a value in force changed.
fn declare_limits(cell: &mut Cell, request: &ReserveRequest, max_lateness: u32, now: StoreTime) -> bool {
    let max_lateness_before = cell.max_lateness.value;
    cell.max_lateness = cell.max_lateness.declare(max_lateness, now, u32::max);
    let mut changed = cell.max_lateness.value != max_lateness_before;
    for limit in &request.limits {
        changed |= declare_limit(cell, limit, max_lateness_before, now);
    }
    cell.limits.retain(|state| {
        let is_declared_now = request.limits.iter().any(|limit| limit.id == state.id);
        let is_in_force = state.permits.is_in_force(now) || state.burst.is_in_force(now);
        is_declared_now || is_in_force || state.tat.rounded_up() > now
    });
    changed
}

/// Declares one limit in the cell. `max_lateness_before` is the cell's maximum lateness before this request. Returns
/// `true` if the limit is new in the cell, or if its permits or burst in force changed.
fn declare_limit(cell: &mut Cell, limit: &Limit, max_lateness_before: u32, now: StoreTime) -> bool {
    let (permits, burst, max_lateness) = (limit.permits.max(1), limit.burst.max(1), cell.max_lateness.value);
    let Some(state) = cell.limit_mut(&limit.id) else {
        cell.limits.push(LimitState {
            id: limit.id.clone(),
            permits: Strictest::declared(permits, now),
            burst: Strictest::declared(burst, now),
            tat: Tat::default(),
        });
        return true;
    };
    let before = (state.permits.value, state.burst.value);
    let full_credit = Gcra::new(state, max_lateness_before).full_credit();
    state.permits = state.permits.declare(permits, now, u32::min);
    state.burst = state.burst.declare(burst, now, u32::min);
    let changed = (state.permits.value, state.burst.value) != before;
    if changed || max_lateness != max_lateness_before {
        keep_spent_credit(state, full_credit, max_lateness, now);
    }
    changed
}

/// Adapts the tat to a changed limit, whose full credit was `full_credit` before, so that the spent part of the burst
/// stays spent.
///
/// If a unit takes longer now, the burst covers more time, and the difference would be credit that was never earned.
/// Therefore the tat is moved by the difference. It is rounded up, because its remainder is in units of the old
/// permits.
fn keep_spent_credit(state: &mut LimitState, full_credit: Tat, max_lateness: u32, now: StoreTime) {
    let tat = state.tat.rounded_up();
    let grown_by = Gcra::new(state, max_lateness).full_credit().rounded_up().0.saturating_sub(full_credit.micros);
    let grown_by = if tat > now { grown_by } else { 0 };
    state.tat = Tat { micros: (tat.0 + grown_by).min(MAX_SAFE_INTEGER), remainder: 0 };
}

/// Restores a cell whose state was lost: each tat is at least the one of the snapshot, and no limit has credit.
fn restore(cell: &mut Cell, snapshot: &CellSnapshot, request: &ReserveRequest, now: StoreTime) {
    let first_start = now.max(cell.opens_at);
    let max_lateness = cell.max_lateness.value;
    for state in &mut cell.limits {
        let mut gcra = Gcra::new(state, max_lateness);
        let index = request.limits.iter().position(|limit| limit.id == state.id);
        if let Some(tat) = index.and_then(|index| snapshot.tats.get(index)) {
            gcra.raise(*tat, 0);
        }
        gcra.spend_all(first_start);
        state.tat = gcra.tat();
    }
}

/// Shortens the hold of the cell to `latest_end`, and spends the burst at the end of the hold. Returns `true` if that
/// changed the cell.
fn apply_hold(cell: &mut Cell, latest_end: StoreTime) -> bool {
    let is_cut = cell.held_until > latest_end;
    cell.held_until = cell.held_until.min(latest_end);
    let held_until = cell.held_until;
    let is_spent = held_until > StoreTime(0) && spend_shortest_burst(cell, held_until);
    is_cut || is_spent
}

/// Spends the burst of the limits with the shortest period at `time`, so that no burst follows a hold. Returns `true`
/// if that changed a tat.
///
/// Limits with longer periods keep their credit: without it, one short hold would turn `10/s` beside `1000/h` into one
/// call per 7 s for an hour. Repeating this for every request has no further effect, because it only raises tats.
pub(super) fn spend_shortest_burst(cell: &mut Cell, time: StoreTime) -> bool {
    let shortest = cell.limits.iter().map(|state| state.id.period()).min();
    let max_lateness = cell.max_lateness.value;
    let mut changed = false;
    for state in cell.limits.iter_mut().filter(|state| Some(state.id.period()) == shortest) {
        let mut gcra = Gcra::new(state, max_lateness);
        gcra.spend_burst(time);
        changed |= state.tat != gcra.tat();
        state.tat = gcra.tat();
    }
    changed
}
