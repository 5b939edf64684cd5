//! The four changes of a pacing [`Cell`], the state of one bucket: reserve, refund, settle and hold.
//!
//! Each is a pure function that takes the stored cell and returns a reply and the cell to write.

use std::time::Duration;

use super::cell::{Cell, LimitState};
use super::gcra::Gcra;
use super::limit::LimitId;
use super::rejoin::{RejoinDecision, announce};
use super::repair::repair;
use super::request::ReserveRequest;
use super::reservation::{Booking, Reservation};
use super::start_times::StartTimes;
use super::tat::Tat;
use crate::StoreTime;
use crate::time::MAX_SAFE_INTEGER;

pub use crate::transition::Transition;

/// Largest correction of a charge, in units. The cost of a call is a `u32`.
const MAX_DELTA: i64 = u32::MAX as i64;

/// Books starts for the calls of `request`, as [`Pacer::reserve`](crate::Pacer::reserve) describes.
#[must_use]
pub fn reserve(stored: Option<&Cell>, now: StoreTime, request: &ReserveRequest) -> Transition<Cell, Reservation> {
    let mut cell = repair(stored, now, request);
    let is_expired = request.expires.is_some_and(|expires| now > expires);
    let decision = if is_expired { RejoinDecision::Wait } else { RejoinDecision::of(request, stored, now) };
    if let RejoinDecision::Announce(rejoin) = decision {
        announce(&mut cell, stored, request, rejoin, now);
    }
    let not_before = request.not_before.unwrap_or_default();
    let e_min = (now + request.lead).max(cell.held_until).max(cell.opens_at).max(not_before);
    if decision == RejoinDecision::Wait {
        // Nothing is written, so the reply contains the stored cell. The repaired cell may have an epoch that is not
        // stored.
        let cell = stored.cloned().unwrap_or(cell);
        return Transition::unchanged(Reservation { now, e_min, cell, granted: 0, counted: None });
    }

    let mut starts = StartTimes::new(&cell, request, e_min);
    let granted = if decision == RejoinDecision::Book { starts.book_until(e_min + request.horizon) } else { 0 };
    let mut after = cell.clone();
    if granted > 0 {
        for (id, tat) in starts.tats() {
            set_tat(&mut after, id, tat);
        }
        after.seq += 1;
    }
    let write = (stored != Some(&after)).then_some(after);
    let counted = Some(cell.processes.window).filter(|_| request.counts);
    Transition { reply: Reservation { now, e_min, cell, granted, counted }, write }
}

/// Cancels bookings, as [`Pacer::refund`](crate::Pacer::refund) describes.
#[must_use]
pub fn refund(stored: Option<&Cell>, booking: &Booking) -> Transition<Cell, bool> {
    let Some(cell) = stored.filter(|cell| (cell.epoch, cell.seq) == (booking.epoch, booking.seq)) else {
        return Transition::unchanged(false);
    };
    let mut cell = cell.clone();
    for (id, tat) in &booking.tats {
        // A cell that was rolled back may have reached the same seq with other permits. The remainder is in units of
        // `1/N` microsecond of the permits at the booking, so it may not fit these.
        let fits = |state: &LimitState| tat.remainder < state.permits.value;
        let rounded = Tat { micros: tat.rounded_up().0.min(MAX_SAFE_INTEGER), remainder: 0 };
        let tat = if cell.limit(id).is_some_and(fits) { *tat } else { rounded };
        set_tat(&mut cell, id, tat);
    }
    cell.seq += 1;
    Transition { reply: true, write: Some(cell) }
}

/// Corrects the charge on one limit, as [`Pacer::settle`](crate::Pacer::settle) describes.
#[must_use]
pub fn settle(stored: Option<&Cell>, now: StoreTime, limit: &LimitId, delta: i64) -> Transition<Cell, ()> {
    let Some(mut cell) = stored.filter(|cell| delta != 0 && cell.limit(limit).is_some()).cloned() else {
        return Transition::unchanged(());
    };
    let max_lateness = cell.max_lateness.value;
    if let Some(state) = cell.limit_mut(limit) {
        let mut gcra = Gcra::new(state, max_lateness);
        gcra.settle(delta.clamp(-MAX_DELTA, MAX_DELTA), now);
        state.tat = gcra.tat();
    }
    cell.seq += 1;
    Transition { reply: (), write: Some(cell) }
}

/// Stores a hold, as [`Pacer::hold`](crate::Pacer::hold) describes.
#[must_use]
pub fn hold(stored: Option<&Cell>, now: StoreTime, until: StoreTime, cap: Duration) -> Transition<Cell, ()> {
    let until = StoreTime(until.min(now + cap).0.min(MAX_SAFE_INTEGER));
    let mut cell = stored.cloned().unwrap_or_else(|| Cell::hold_only(now));
    if until <= cell.held_until {
        return Transition::unchanged(());
    }
    cell.held_until = until;
    cell.seq += 1;
    Transition { reply: (), write: Some(cell) }
}

fn set_tat(cell: &mut Cell, id: &LimitId, tat: Tat) {
    if let Some(state) = cell.limit_mut(id) {
        state.tat = tat;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CellSnapshot, Costs, LimitSpec, Rejoin, limits};
    use super::*;

    fn per_second(permits: u32, burst: u32) -> ReserveRequest {
        let id = LimitId::calls(Duration::from_secs(1));
        ReserveRequest::new(limits(&[LimitSpec { id, permits, burst: Some(burst) }]).unwrap(), Duration::ZERO, 7)
    }

    fn starts(cell: Option<&Cell>, now: u64, request: &ReserveRequest) -> Vec<u64> {
        reserve(cell, StoreTime(now), request).reply.starts(request).map(|start| start.0).collect()
    }

    #[test]
    fn a_cell_near_the_largest_time_parses_back() {
        let request = per_second(7, 1).with_calls(1);
        let mut cell = reserve(None, StoreTime(10), &request).write.unwrap();
        for before_the_end in 0..200_000 {
            cell.limits[0].tat = Tat { micros: MAX_SAFE_INTEGER - before_the_end, remainder: 0 };
            let late = settle(Some(&cell), StoreTime(10), &request.limits[0].id, 1).write.unwrap();
            let changed = reserve(Some(&late), StoreTime(10), &per_second(3, 1)).write.unwrap();
            assert_eq!(changed.to_text().parse(), Ok(changed), "{before_the_end}");
        }
    }

    #[test]
    fn starts_are_rounded_up_one_by_one_and_no_rounding_accumulates() {
        let request = per_second(3, 1).with_calls(7);
        assert_eq!(starts(None, 10, &request), [10, 333_344, 666_677, 1_000_010, 1_333_344, 1_666_677, 2_000_010]);
    }

    #[test]
    fn a_burst_starts_at_once_and_later_calls_at_the_rate() {
        let request = per_second(10, 3).with_calls(5);
        assert_eq!(starts(None, 0, &request), [0, 0, 0, 100_000, 200_000]);
    }

    #[test]
    fn a_cost_above_the_burst_waits_for_the_excess_first_and_is_charged_once() {
        let mut request = per_second(10, 2);
        request.calls = [5, 1, 5].map(|cost| Costs([cost].into())).into();
        assert_eq!(starts(None, 0, &request), [300_000, 400_000, 900_000]);
    }

    #[test]
    fn a_call_that_does_not_draw_on_a_limit_does_not_change_it() {
        let id = |unit| LimitId::new(unit, Duration::from_secs(1));
        let declared = ["calls", "tokens"].map(|unit| LimitSpec { id: id(unit), permits: 1, burst: None });
        let mut request = ReserveRequest::new(limits(&declared).unwrap(), Duration::ZERO, 7);
        request.calls = [[1, 0], [1, 1], [0, 1]].map(|costs| Costs(costs.into())).into();
        assert_eq!(starts(None, 0, &request), [0, 1_000_000, 2_000_000]);
    }

    #[test]
    fn nothing_is_booked_past_the_horizon_and_next_start_is_known() {
        let mut request = per_second(10, 1).with_calls(5);
        request.horizon = Duration::from_millis(250);
        let Transition { reply, write } = reserve(None, StoreTime(0), &request);
        assert_eq!(reply.granted, 3);
        assert_eq!(reply.next_start(&request), Some(StoreTime(300_000)));
        assert_eq!(write.unwrap().limits[0].tat, Tat { micros: 300_000, remainder: 0 });
    }

    #[test]
    fn an_expired_request_books_nothing() {
        let mut request = per_second(10, 1).with_calls(1);
        request.expires = Some(StoreTime(999));
        let Transition { reply, write } = reserve(None, StoreTime(1_000), &request);
        assert_eq!((reply.granted, write), (0, None));
    }

    #[test]
    fn the_reply_to_an_expired_request_has_the_stored_cell_whose_missing_limits_restrict_no_start() {
        let cell = reserve(None, StoreTime(0), &per_second(10, 1).with_calls(5)).write.unwrap();
        let id = LimitId::new("tokens", Duration::from_secs(1));
        let tokens = limits(&[LimitSpec { id, permits: 1, burst: None }]).unwrap();
        let mut request = ReserveRequest::new(tokens, Duration::ZERO, 7).with_calls(1);
        request.expires = Some(StoreTime(0));
        let reply = reserve(Some(&cell), StoreTime(10), &request).reply;
        assert_eq!((&reply.cell, reply.granted, reply.next_start(&request)), (&cell, 0, Some(StoreTime(10))));
    }

    #[test]
    fn an_expired_request_does_not_hide_a_lost_state() {
        let mut request = per_second(10, 4).with_calls(1);
        let cell = reserve(None, StoreTime(0), &request).write.unwrap();
        request.snapshot =
            Some(CellSnapshot { epoch: cell.epoch, seq: 40, tats: vec![StoreTime(5_000_000)], booked: None });
        request.expires = Some(StoreTime(0));
        request.epoch_if_new = 99;
        let expired = reserve(Some(&cell), StoreTime(10), &request).reply;
        assert_eq!(expired.snapshot(&request).epoch, cell.epoch);
        request.expires = None;
        assert_eq!(starts(Some(&cell), 20, &request), [4_700_000]);
    }

    #[test]
    fn a_lost_cell_is_restored_without_credit() {
        let mut request = per_second(10, 5).with_calls(2);
        request.snapshot = Some(CellSnapshot { epoch: 3, seq: 40, tats: vec![StoreTime(1_001)], booked: None });
        let Transition { reply, write } = reserve(None, StoreTime(1_000), &request);
        assert_eq!(reply.starts(&request).collect::<Vec<_>>(), [StoreTime(101_000), StoreTime(201_000)]);
        let cell = write.unwrap();
        assert_eq!((cell.epoch, cell.seq), (7, 42));
    }

    #[test]
    fn a_cell_that_is_absent_within_an_hour_of_a_booking_was_lost() {
        let mut request = per_second(10, 5).with_calls(2);
        let first = reserve(None, StoreTime(1_000), &request);
        let snapshot = first.reply.snapshot(&request);
        assert_eq!((snapshot.booked, snapshot.kept_until()), (Some(StoreTime(1_000)), StoreTime(3_600_001_000)));
        request.snapshot = Some(snapshot);
        assert_eq!(starts(None, 3_600_000_999, &request), [3_600_100_999, 3_600_200_999]);
        assert_eq!(starts(None, 3_600_001_000, &request), [3_600_001_000, 3_600_001_000]);
    }

    #[test]
    fn a_cell_without_any_snapshot_has_full_credit_after_the_initial_delay() {
        let mut request = per_second(10, 2).with_calls(3);
        request.initial_delay = Duration::from_millis(100);
        assert_eq!(starts(None, 0, &request), [100_000, 100_000, 200_000]);
    }

    #[test]
    fn a_touch_books_nothing_and_writes_only_changes() {
        let request = per_second(10, 1);
        let first = reserve(None, StoreTime(0), &request.clone().with_calls(1));
        let (cell, touch) = (first.write.unwrap(), next_request(&request, &first.reply));
        assert_eq!(reserve(Some(&cell), StoreTime(500_000), &touch).write, None);
        let later = reserve(Some(&cell), StoreTime(1_000_000), &touch).write.unwrap();
        assert_eq!(later.seq, cell.seq);
    }

    #[test]
    fn a_refund_has_effect_only_while_the_cell_is_unchanged() {
        let request = per_second(10, 1).with_calls(3);
        let Transition { reply, write } = reserve(None, StoreTime(0), &request);
        let cell = write.unwrap();
        let booking = reply.tail(&request, 1);
        let refunded = refund(Some(&cell), &booking);
        assert!(refunded.reply);
        assert_eq!(starts(refunded.write.as_ref(), 0, &request)[0], 100_000);
        assert!(!refund(refunded.write.as_ref(), &booking).reply);
        let moved = reserve(Some(&cell), StoreTime(0), &request).write;
        assert!(!refund(moved.as_ref(), &booking).reply);
        assert!(!refund(None, &booking).reply);
    }

    #[test]
    fn a_refund_to_a_cell_with_other_permits_leaves_a_cell_that_parses_back() {
        let request = per_second(7, 1).with_calls(3);
        let Transition { reply, write } = reserve(None, StoreTime(0), &request);
        let mut cell = write.unwrap();
        let booking = reply.tail(&request, 1);
        assert_eq!(booking.tats[0].1, Tat { micros: 142_857, remainder: 1 });
        cell.limits[0].permits.value = 1;
        cell.limits[0].tat.remainder = 0;
        let refunded = refund(Some(&cell), &booking).write.unwrap();
        assert_eq!(refunded.limits[0].tat, Tat { micros: 142_858, remainder: 0 });
        assert_eq!(refunded.to_text().parse(), Ok(refunded));
    }

    #[test]
    fn a_hold_without_a_cell_applies_to_the_cell_that_is_created_and_does_not_hide_a_loss() {
        let held = hold(None, StoreTime(0), StoreTime(2_000_000), Duration::from_secs(60)).write;
        let mut request = per_second(10, 5).with_calls(2);
        request.snapshot = Some(CellSnapshot { epoch: 3, seq: 40, tats: vec![StoreTime(5_000_000)], booked: None });
        assert_eq!(starts(held.as_ref(), 0, &request)[0], 4_600_000);
        request.snapshot = None;
        assert_eq!(starts(held.as_ref(), 0, &request), [2_000_000, 2_100_000]);
    }

    #[test]
    fn a_hold_is_cut_by_the_request_that_reads_it() {
        let held = hold(None, StoreTime(3_600_000_000), StoreTime(3_700_000_000), Duration::from_secs(60)).write;
        let request = per_second(10, 1).with_calls(1);
        assert_eq!(starts(held.as_ref(), 0, &request), [60_000_000]);
    }

    #[test]
    fn the_stricter_of_two_configurations_is_in_force() {
        let (old, new) = (per_second(10, 1).with_calls(2), per_second(20, 4).with_calls(2));
        let cell = reserve(None, StoreTime(0), &old).write;
        assert_eq!(starts(cell.as_ref(), 0, &new), [200_000, 300_000]);
    }

    /// Returns the next request of the same process, with the snapshot and the count from `reply`.
    fn next_request(request: &ReserveRequest, reply: &Reservation) -> ReserveRequest {
        ReserveRequest { snapshot: Some(reply.snapshot(request)), counted: reply.counted, ..request.clone() }
    }

    #[test]
    fn a_process_is_counted_once_and_other_processes_beside_it() {
        let request = per_second(10, 1);
        let first = reserve(None, StoreTime(0), &request);
        let touch = next_request(&request, &first.reply);
        let second = reserve(first.write.as_ref(), StoreTime(1), &touch);
        assert_eq!((second.reply.active(), second.write), (1, None));
        let other = reserve(first.write.as_ref(), StoreTime(1), &request);
        assert_eq!((other.reply.active(), other.reply.counted), (2, Some(0)));
        assert_eq!(other.write.map(|cell| cell.seq), first.write.as_ref().map(|cell| cell.seq));
        let beside = ReserveRequest { counts: false, ..request };
        let reply = reserve(first.write.as_ref(), StoreTime(10_000_000), &beside).reply;
        assert_eq!((reply.active(), reply.cell.processes.current, reply.counted), (1, 0, None));
    }

    #[test]
    fn a_lost_or_rolled_back_cell_starts_a_new_count() {
        let request = ReserveRequest { epoch_if_new: 9, ..per_second(10, 1).with_calls(30) };
        let mut before = reserve(None, StoreTime(0), &per_second(10, 1).with_calls(30));
        let after = next_request(&request, &before.reply);
        let lost = reserve(None, StoreTime(1), &after).reply;
        assert_eq!((lost.cell.epoch, lost.active(), lost.counted), (9, 1, Some(0)));
        let older = before.write.as_mut().unwrap();
        (older.seq, older.processes.current, older.processes.previous) = (0, 7, 8);
        let restored = reserve(Some(older), StoreTime(1), &after).reply;
        assert_eq!((restored.cell.epoch, restored.active(), restored.counted), (9, 1, Some(0)));
        let other = reserve(Some(&restored.cell), StoreTime(1), &after).reply;
        assert_eq!(other.active(), 2);
    }

    #[test]
    fn a_request_that_writes_nothing_counts_no_process() {
        let request = per_second(10, 1);
        let cell = reserve(None, StoreTime(0), &request).write;
        let expired = ReserveRequest { expires: Some(StoreTime(0)), ..request };
        let reply = reserve(cell.as_ref(), StoreTime(10_000_000), &expired).reply;
        assert_eq!((reply.counted, reply.cell, reply.now), (None, cell.unwrap(), StoreTime(10_000_000)));
    }

    #[test]
    fn a_limit_that_becomes_stricter_returns_no_spent_credit() {
        let (old, new) = (per_second(10, 50).with_calls(50), per_second(5, 50).with_calls(2));
        let cell = reserve(None, StoreTime(0), &old).write;
        assert_eq!(starts(cell.as_ref(), 0, &new), [200_000, 400_000]);
        // Half of the burst is left, which is 2.5 s of credit at either rate. At half the rate it is worth half the
        // calls.
        let cell = reserve(None, StoreTime(0), &per_second(10, 50).with_calls(25)).write;
        assert_eq!(starts(cell.as_ref(), 0, &per_second(5, 50).with_calls(14))[11..], [0, 100_000, 300_000]);
        assert_eq!(starts(cell.as_ref(), 2_500_000, &per_second(5, 50).with_calls(51))[49..], [2_500_000, 2_700_000]);
    }

    fn returning(request: &ReserveRequest, snapshot: Option<&Reservation>) -> ReserveRequest {
        let (alone_for, pause) = (Duration::from_millis(450), Duration::from_millis(50));
        let snapshot = snapshot.map(|reply| reply.snapshot(request));
        ReserveRequest {
            rejoin: Some(Rejoin { alone_for, pause, since: StoreTime(0) }),
            snapshot,
            epoch_if_new: 9,
            ..request.clone()
        }
    }

    fn announced(cell: &Cell) -> (u64, u64) {
        (cell.local_end.0, cell.opens_at.0)
    }

    #[test]
    fn the_first_process_to_return_books_nothing_and_announces_the_rejoin() {
        let request = per_second(10, 1).with_calls(2);
        let before = reserve(None, StoreTime(0), &request);
        let Transition { reply, write } =
            reserve(before.write.as_ref(), StoreTime(5_000_000), &returning(&request, Some(&before.reply)));
        let cell = write.unwrap();
        assert_eq!((reply.granted, announced(&cell), cell.seq), (0, (5_450_000, 5_500_000), 2));
        assert_eq!((reply.cell, reply.e_min), (cell.clone(), cell.opens_at));
        assert_eq!(starts(Some(&cell), 5_000_001, &request), [5_500_000, 5_600_000]);
    }

    #[test]
    fn the_next_process_to_return_waits_for_the_announced_end_and_changes_nothing() {
        let request = per_second(10, 1).with_calls(2);
        let before = reserve(None, StoreTime(0), &request);
        let returns = returning(&request, Some(&before.reply));
        let cell = reserve(before.write.as_ref(), StoreTime(5_000_000), &returns).write.unwrap();
        let early = reserve(Some(&cell), StoreTime(5_449_999), &returns);
        assert_eq!((early.reply.granted, &early.reply.cell, &early.write), (0, &cell, &None));
        assert_eq!(starts(Some(&cell), 5_450_000, &returns), [5_500_000, 5_600_000]);
    }

    #[test]
    fn no_burst_follows_an_announced_rejoin() {
        let request = per_second(10, 4).with_calls(3);
        let before = reserve(None, StoreTime(0), &request);
        let cell =
            reserve(before.write.as_ref(), StoreTime(5_000_000), &returning(&request, Some(&before.reply))).write;
        assert_eq!(starts(cell.as_ref(), 5_000_000, &request), [5_500_000, 5_600_000, 5_700_000]);
        let lost = reserve(None, StoreTime(5_000_000), &returning(&request, Some(&before.reply))).write;
        assert_eq!(starts(lost.as_ref(), 5_000_000, &request), [5_600_000, 5_700_000, 5_800_000]);
    }

    #[test]
    fn the_first_process_to_return_states_what_the_fleet_drew_of_a_cap() {
        let declared = [1, 10].map(|seconds| {
            let id = LimitId::calls(Duration::from_secs(seconds));
            LimitSpec { id, permits: 10, burst: Some(if seconds > 1 { 5 } else { 1 }) }
        });
        let request = ReserveRequest::new(limits(&declared).unwrap(), Duration::ZERO, 7).with_calls(3);
        let before = reserve(None, StoreTime(0), &request);
        let mut returns = returning(&request, Some(&before.reply));
        returns.snapshot.as_mut().unwrap().tats[1] = StoreTime(5_500_000 + 4 * 1_666_667);
        let cell = reserve(before.write.as_ref(), StoreTime(5_000_000), &returns).write;
        assert_eq!(starts(cell.as_ref(), 5_500_000, &request), [5_500_002, 7_166_668, 8_833_335]);
    }

    #[test]
    fn a_lost_or_rolled_back_cell_is_restored_for_the_first_process_to_return() {
        let request = per_second(10, 1).with_calls(30);
        let before = reserve(None, StoreTime(0), &request);
        let mut older = before.write.unwrap();
        older.seq = 0;
        for stored in [None, Some(&older)] {
            let cell = reserve(stored, StoreTime(1_000_000), &returning(&request, Some(&before.reply))).write.unwrap();
            assert_eq!((cell.epoch, cell.seq, announced(&cell)), (9, 3, (1_450_000, 1_500_000)));
            assert_eq!(starts(Some(&cell), 1_500_000, &request)[0], 3_000_000);
        }
    }

    #[test]
    fn a_process_that_returns_to_a_cell_in_use_joins_at_once() {
        let request = per_second(10, 1).with_calls(1);
        let before = reserve(None, StoreTime(0), &request);
        let moved = reserve(before.write.as_ref(), StoreTime(1_000_000), &request).write;
        assert_eq!(starts(moved.as_ref(), 2_000_000, &returning(&request, Some(&before.reply))), [2_000_000]);
        assert_eq!(starts(moved.as_ref(), 2_000_000, &returning(&request, None)), [2_000_000]);
        let mut another = before.write.unwrap();
        another.epoch = 8;
        assert_eq!(starts(Some(&another), 2_000_000, &returning(&request, Some(&before.reply))), [2_000_000]);
    }

    #[test]
    fn a_process_without_a_snapshot_is_the_first_where_there_is_no_cell_or_only_a_hold() {
        let request = per_second(10, 1).with_calls(1);
        let held = hold(None, StoreTime(0), StoreTime(3_000_000), Duration::from_secs(60)).write;
        for stored in [None, held.as_ref()] {
            let cell = reserve(stored, StoreTime(1_000_000), &returning(&request, None)).write.unwrap();
            assert_eq!((cell.epoch, announced(&cell)), (9, (1_450_000, 1_500_000)));
        }
    }

    #[test]
    fn an_endless_announcement_is_clamped_and_no_initial_delay_is_shortened() {
        let mut request = returning(&per_second(10, 1), None);
        request.rejoin = Some(Rejoin { alone_for: Duration::MAX, pause: Duration::MAX, since: StoreTime(0) });
        let cell = reserve(None, StoreTime(10), &request).write.unwrap();
        assert_eq!(announced(&cell), (MAX_SAFE_INTEGER, MAX_SAFE_INTEGER));
        assert_eq!(cell.to_text().parse(), Ok(cell));
        request.rejoin = Some(Rejoin { alone_for: Duration::ZERO, pause: Duration::ZERO, since: StoreTime(0) });
        request.initial_delay = Duration::from_secs(1);
        assert_eq!(announced(&reserve(None, StoreTime(10), &request).write.unwrap()), (10, 1_000_010));
    }

    #[test]
    fn an_expired_request_announces_no_rejoin() {
        let mut request = returning(&per_second(10, 1).with_calls(1), None);
        request.expires = Some(StoreTime(999));
        let Transition { reply, write } = reserve(None, StoreTime(1_000), &request);
        assert_eq!((announced(&reply.cell), reply.granted, write), ((0, 1_000), 0, None));
    }
}
