//! The return of processes from an outage in which each of them paced alone.
//!
//! [`RejoinDecision::of`] decides what the request of a returning process may do. For the first process that returns,
//! [`announce`] writes the announcement into the cell. [`Rejoin`] describes the rules. `transition.rs` calls both
//! functions.

use super::cell::Cell;
use super::gcra::Gcra;
use super::repair::{spend_shortest_burst, with_bookings};
use super::request::{Rejoin, ReserveRequest};
use crate::StoreTime;
use crate::time::MAX_SAFE_INTEGER;

/// Decision about what a request may do in the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RejoinDecision {
    /// Books and writes nothing: the process continues alone, or the request has expired.
    Wait,
    /// Announces the rejoin: the process is the first one to return.
    Announce(Rejoin),
    /// Books as usual: the process was not away, or joins at once.
    Book,
}

impl RejoinDecision {
    /// Decides for a request that has not expired.
    pub(super) fn of(request: &ReserveRequest, stored: Option<&Cell>, now: StoreTime) -> Self {
        let Some(rejoin) = request.rejoin else { return Self::Book };
        if stored.is_some_and(|cell| cell.local_end > now) {
            return Self::Wait;
        }
        let is_unchanged = |cell: &Cell| {
            let snapshot = request.snapshot.as_ref();
            snapshot.is_some_and(|snapshot| snapshot.epoch == cell.epoch && snapshot.seq >= cell.seq)
        };
        let is_first = |cell: &Cell| is_unchanged(cell) && !rejoin.was_announced_in(cell);
        if with_bookings(stored).is_none_or(is_first) { Self::Announce(rejoin) } else { Self::Book }
    }
}

/// Announces a rejoin in the repaired `cell`: all processes continue alone until `local_end`, and no call starts before
/// `opens_at`.
///
/// The cell does not contain what the processes used while they paced alone. Therefore the burst of the limits with the
/// shortest period counts as spent, and each tat is at least the one in the request's snapshot. In a cell that was lost
/// (`stored` is absent or has another epoch) no limit has credit.
pub(super) fn announce(
    cell: &mut Cell,
    stored: Option<&Cell>,
    request: &ReserveRequest,
    rejoin: Rejoin,
    now: StoreTime,
) {
    cell.local_end = StoreTime((now + rejoin.alone_for).0.min(MAX_SAFE_INTEGER));
    cell.opens_at = StoreTime((cell.local_end + rejoin.pause).0.min(MAX_SAFE_INTEGER)).max(cell.opens_at);
    cell.seq += 1;
    let (opens_at, max_lateness) = (cell.opens_at, cell.max_lateness.value);
    spend_shortest_burst(cell, opens_at);
    let was_lost = stored.is_none_or(|stored| stored.epoch != cell.epoch);
    for (index, limit) in request.limits.iter().enumerate() {
        let Some(state) = cell.limit_mut(&limit.id) else { continue };
        let mut gcra = Gcra::new(state, max_lateness);
        if let Some(tat) = request.snapshot.as_ref().and_then(|snapshot| snapshot.tats.get(index)) {
            gcra.raise(*tat, 0);
        }
        if was_lost {
            gcra.spend_all(opens_at);
        }
        state.tat = gcra.tat();
    }
}
