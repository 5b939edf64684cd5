//! The four changes of a cell, each as a pure function: what to answer and what to write.

use std::time::Duration;

use super::lines::Line;
use super::repair::{Return, gather, repair};
use super::{Booking, Cell, LimitId, LimitState, Pace, Reservation, Roll, Starts, Strictest, Tat};
use crate::StoreTime;
use crate::time::LARGEST;

/// The epoch of a cell that only a hold has created.
pub(super) const NOT_BORN: u64 = 0;

/// No call costs more, so nothing more is corrected at once.
const MOST: i64 = u32::MAX as i64;

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
    let mut cell = repair(stored, now, pace);
    let is_expired = pace.expires.is_some_and(|expires| now > expires);
    let comes = if is_expired { Return::Waits } else { Return::of(pace, stored, now) };
    if let Return::First(back) = comes {
        gather(&mut cell, stored, pace, back, now);
    }
    let e_min = (now + pace.lead).max(cell.held_until).max(cell.fresh_until).max(pace.not_before.unwrap_or_default());
    if comes == Return::Waits {
        // Nothing is written, so a repair must not be told either: its epoch would be one that the store never had.
        let cell = stored.cloned().unwrap_or(cell);
        return Stepped { reply: Reservation { now, e_min, cell, granted: 0, counted: None }, write: None };
    }

    let last = e_min + pace.horizon;
    let mut starts = Starts::new(&cell, pace, e_min);
    let granted = if comes == Return::Joins { starts.book_until(last) } else { 0 };
    let mut after = cell.clone();
    if granted > 0 {
        for (id, tat) in starts.tats() {
            set_tat(&mut after, id, tat);
        }
        after.seq += 1;
    }
    let write = (stored != Some(&after)).then_some(after);
    let counted = Some(cell.roll.window).filter(|_| pace.counts);
    Stepped { reply: Reservation { now, e_min, cell, granted, counted }, write }
}

/// Gives bookings back: see [`Pacer::refund`](crate::Pacer::refund).
#[must_use]
pub fn refund(stored: Option<&Cell>, booking: &Booking) -> Stepped<bool> {
    let Some(cell) = stored.filter(|cell| (cell.epoch, cell.seq) == (booking.epoch, booking.seq)) else {
        return Stepped { reply: false, write: None };
    };
    let mut cell = cell.clone();
    for (id, tat) in &booking.tats {
        // A cell that went back may have come to the same seq with other permits; the remainder counts in those.
        let fits = |state: &LimitState| state.id == *id && tat.remainder < state.permits.value;
        let rounded = Tat { micros: tat.rounded_up().0.min(LARGEST), remainder: 0 };
        let tat = if cell.limits.iter().any(fits) { *tat } else { rounded };
        set_tat(&mut cell, id, tat);
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
    line.settle(delta.clamp(-MOST, MOST), now);
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

pub(super) fn empty(epoch: u64, seq: u64, guard: Strictest) -> Cell {
    let never = StoreTime(0);
    let roll = Roll::default();
    Cell { epoch, seq, held_until: never, local_end: never, fresh_until: never, guard, roll, limits: Vec::new() }
}

fn set_tat(cell: &mut Cell, id: &LimitId, tat: Tat) {
    if let Some(state) = cell.limits.iter_mut().find(|state| state.id == *id) {
        state.tat = tat;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Back, Costs, Declared, Mark, limits};
    use super::*;

    fn per_second(permits: u32, burst: u32) -> Pace {
        let id = LimitId::calls(Duration::from_secs(1));
        Pace::new(limits(&[Declared { id, permits, burst: Some(burst) }]).unwrap(), Duration::ZERO, 7)
    }

    fn starts(cell: Option<&Cell>, now: u64, pace: &Pace) -> Vec<u64> {
        reserve(cell, StoreTime(now), pace).reply.starts(pace).map(|start| start.0).collect()
    }

    #[test]
    fn a_cell_at_the_end_of_time_can_still_be_read() {
        let pace = per_second(7, 1).with_calls(1);
        let mut cell = reserve(None, StoreTime(10), &pace).write.unwrap();
        for before_the_end in 0..200_000 {
            cell.limits[0].tat = Tat { micros: LARGEST - before_the_end, remainder: 0 };
            let late = settle(Some(&cell), StoreTime(10), &pace.limits[0].id, 1).write.unwrap();
            let changed = reserve(Some(&late), StoreTime(10), &per_second(3, 1)).write.unwrap();
            assert_eq!(changed.to_text().parse(), Ok(changed), "{before_the_end}");
        }
    }

    #[test]
    fn starts_are_rounded_up_one_by_one_and_nothing_adds_up() {
        let pace = per_second(3, 1).with_calls(7);
        assert_eq!(starts(None, 10, &pace), [10, 333_344, 666_677, 1_000_010, 1_333_344, 1_666_677, 2_000_010]);
    }

    #[test]
    fn a_burst_starts_at_once_and_the_rest_at_the_rate() {
        let pace = per_second(10, 3).with_calls(5);
        assert_eq!(starts(None, 0, &pace), [0, 0, 0, 100_000, 200_000]);
    }

    #[test]
    fn a_call_dearer_than_the_burst_waits_for_its_excess_first_and_pays_no_more_than_its_cost() {
        let mut pace = per_second(10, 2);
        pace.calls = [5, 1, 5].map(|cost| Costs([cost].into())).into();
        assert_eq!(starts(None, 0, &pace), [300_000, 400_000, 900_000]);
    }

    #[test]
    fn a_call_that_does_not_draw_on_a_limit_leaves_it_alone() {
        let id = |unit| LimitId::new(unit, Duration::from_secs(1));
        let declared = ["calls", "tokens"].map(|unit| Declared { id: id(unit), permits: 1, burst: None });
        let mut pace = Pace::new(limits(&declared).unwrap(), Duration::ZERO, 7);
        pace.calls = [[1, 0], [1, 1], [0, 1]].map(|costs| Costs(costs.into())).into();
        assert_eq!(starts(None, 0, &pace), [0, 1_000_000, 2_000_000]);
    }

    #[test]
    fn nothing_is_booked_past_the_horizon_and_the_next_start_is_told() {
        let mut pace = per_second(10, 1).with_calls(5);
        pace.horizon = Duration::from_millis(250);
        let Stepped { reply, write } = reserve(None, StoreTime(0), &pace);
        assert_eq!(reply.granted, 3);
        assert_eq!(reply.next_start(&pace), Some(StoreTime(300_000)));
        assert_eq!(write.unwrap().limits[0].tat, Tat { micros: 300_000, remainder: 0 });
    }

    #[test]
    fn nothing_is_booked_for_a_caller_that_is_gone() {
        let mut pace = per_second(10, 1).with_calls(1);
        pace.expires = Some(StoreTime(999));
        let Stepped { reply, write } = reserve(None, StoreTime(1_000), &pace);
        assert_eq!((reply.granted, write), (0, None));
    }

    #[test]
    fn an_expired_request_does_not_hide_that_state_was_lost() {
        let mut pace = per_second(10, 4).with_calls(1);
        let cell = reserve(None, StoreTime(0), &pace).write.unwrap();
        pace.seen = Some(Mark { epoch: cell.epoch, seq: 40, tats: vec![StoreTime(5_000_000)], booked: None });
        pace.expires = Some(StoreTime(0));
        pace.epoch_if_new = 99;
        let expired = reserve(Some(&cell), StoreTime(10), &pace).reply;
        assert_eq!(expired.mark(&pace).epoch, cell.epoch);
        pace.expires = None;
        assert_eq!(starts(Some(&cell), 20, &pace), [4_700_000]);
    }

    #[test]
    fn a_lost_cell_leaves_no_credit_even_to_one_who_remembers_little() {
        let mut pace = per_second(10, 5).with_calls(2);
        pace.seen = Some(Mark { epoch: 3, seq: 40, tats: vec![StoreTime(1_001)], booked: None });
        let Stepped { reply, write } = reserve(None, StoreTime(1_000), &pace);
        assert_eq!(reply.starts(&pace).collect::<Vec<_>>(), [StoreTime(101_000), StoreTime(201_000)]);
        let cell = write.unwrap();
        assert_eq!((cell.epoch, cell.seq), (7, 42));
    }

    #[test]
    fn a_cell_that_is_gone_within_an_hour_of_a_booking_was_lost() {
        let mut pace = per_second(10, 5).with_calls(2);
        let first = reserve(None, StoreTime(1_000), &pace);
        let mark = first.reply.mark(&pace);
        assert_eq!((mark.booked, mark.kept_until()), (Some(StoreTime(1_000)), StoreTime(3_600_001_000)));
        pace.seen = Some(mark);
        assert_eq!(starts(None, 3_600_000_999, &pace), [3_600_100_999, 3_600_200_999]);
        assert_eq!(starts(None, 3_600_001_000, &pace), [3_600_001_000, 3_600_001_000]);
    }

    #[test]
    fn a_cell_that_nobody_remembers_starts_with_full_credit_after_a_fresh_start() {
        let mut pace = per_second(10, 2).with_calls(3);
        pace.fresh_start = Duration::from_millis(100);
        assert_eq!(starts(None, 0, &pace), [100_000, 100_000, 200_000]);
    }

    #[test]
    fn a_touch_books_nothing_and_writes_only_news() {
        let pace = per_second(10, 1);
        let first = reserve(None, StoreTime(0), &pace.clone().with_calls(1));
        let (cell, touch) = (first.write.unwrap(), again(&pace, &first.reply));
        assert_eq!(reserve(Some(&cell), StoreTime(500_000), &touch).write, None);
        let later = reserve(Some(&cell), StoreTime(1_000_000), &touch).write.unwrap();
        assert_eq!(later.seq, cell.seq);
    }

    #[test]
    fn a_refund_counts_only_while_the_cell_has_not_moved() {
        let pace = per_second(10, 1).with_calls(3);
        let Stepped { reply, write } = reserve(None, StoreTime(0), &pace);
        let cell = write.unwrap();
        let booking = reply.tail(&pace, 1);
        let refunded = refund(Some(&cell), &booking);
        assert!(refunded.reply);
        assert_eq!(starts(refunded.write.as_ref(), 0, &pace)[0], 100_000);
        assert!(!refund(refunded.write.as_ref(), &booking).reply);
        let moved = reserve(Some(&cell), StoreTime(0), &pace).write;
        assert!(!refund(moved.as_ref(), &booking).reply);
        assert!(!refund(None, &booking).reply);
    }

    #[test]
    fn a_refund_to_a_cell_that_has_other_permits_by_now_leaves_one_that_can_be_read() {
        let pace = per_second(7, 1).with_calls(3);
        let Stepped { reply, write } = reserve(None, StoreTime(0), &pace);
        let mut cell = write.unwrap();
        let booking = reply.tail(&pace, 1);
        assert_eq!(booking.tats[0].1, Tat { micros: 142_857, remainder: 1 });
        cell.limits[0].permits.value = 1;
        cell.limits[0].tat.remainder = 0;
        let refunded = refund(Some(&cell), &booking).write.unwrap();
        assert_eq!(refunded.limits[0].tat, Tat { micros: 142_858, remainder: 0 });
        assert_eq!(refunded.to_text().parse(), Ok(refunded));
    }

    #[test]
    fn a_hold_on_nothing_waits_for_the_cell_and_does_not_hide_that_it_was_lost() {
        let held = hold(None, StoreTime(0), StoreTime(2_000_000), Duration::from_secs(60)).write;
        let mut pace = per_second(10, 5).with_calls(2);
        pace.seen = Some(Mark { epoch: 3, seq: 40, tats: vec![StoreTime(5_000_000)], booked: None });
        assert_eq!(starts(held.as_ref(), 0, &pace)[0], 4_600_000);
        pace.seen = None;
        assert_eq!(starts(held.as_ref(), 0, &pace), [2_000_000, 2_100_000]);
    }

    #[test]
    fn a_hold_is_capped_when_it_is_read_too() {
        let held = hold(None, StoreTime(3_600_000_000), StoreTime(3_700_000_000), Duration::from_secs(60)).write;
        let pace = per_second(10, 1).with_calls(1);
        assert_eq!(starts(held.as_ref(), 0, &pace), [60_000_000]);
    }

    #[test]
    fn the_stricter_of_two_configurations_holds() {
        let (old, new) = (per_second(10, 1).with_calls(2), per_second(20, 4).with_calls(2));
        let cell = reserve(None, StoreTime(0), &old).write;
        assert_eq!(starts(cell.as_ref(), 0, &new), [200_000, 300_000]);
    }

    /// The same process again: it remembers, and knows when it was counted.
    fn again(pace: &Pace, reply: &Reservation) -> Pace {
        Pace { seen: Some(reply.mark(pace)), counted: reply.counted, ..pace.clone() }
    }

    #[test]
    fn a_process_that_asks_again_is_not_counted_again_and_others_are() {
        let pace = per_second(10, 1);
        let first = reserve(None, StoreTime(0), &pace);
        let touch = again(&pace, &first.reply);
        let second = reserve(first.write.as_ref(), StoreTime(1), &touch);
        assert_eq!((second.reply.living(), second.write), (1, None));
        let other = reserve(first.write.as_ref(), StoreTime(1), &pace);
        assert_eq!((other.reply.living(), other.reply.counted), (2, Some(0)));
        assert_eq!(other.write.map(|cell| cell.seq), first.write.as_ref().map(|cell| cell.seq));
        let beside = Pace { counts: false, ..pace };
        let reply = reserve(first.write.as_ref(), StoreTime(10_000_000), &beside).reply;
        assert_eq!((reply.living(), reply.cell.roll.count, reply.counted), (1, 0, None));
    }

    #[test]
    fn a_cell_that_was_lost_or_went_back_counts_those_who_come_and_forgets_the_others() {
        let pace = Pace { epoch_if_new: 9, ..per_second(10, 1).with_calls(30) };
        let mut before = reserve(None, StoreTime(0), &per_second(10, 1).with_calls(30));
        let after = again(&pace, &before.reply);
        let lost = reserve(None, StoreTime(1), &after).reply;
        assert_eq!((lost.cell.epoch, lost.living(), lost.counted), (9, 1, Some(0)));
        let older = before.write.as_mut().unwrap();
        (older.seq, older.roll.count, older.roll.last) = (0, 7, 8);
        let mended = reserve(Some(older), StoreTime(1), &after).reply;
        assert_eq!((mended.cell.epoch, mended.living(), mended.counted), (9, 1, Some(0)));
        let other = reserve(Some(&mended.cell), StoreTime(1), &after).reply;
        assert_eq!(other.living(), 2);
    }

    #[test]
    fn one_for_whom_nothing_is_written_is_not_counted() {
        let pace = per_second(10, 1);
        let cell = reserve(None, StoreTime(0), &pace).write;
        let gone = Pace { expires: Some(StoreTime(0)), ..pace };
        let reply = reserve(cell.as_ref(), StoreTime(10_000_000), &gone).reply;
        assert_eq!((reply.counted, reply.cell, reply.now), (None, cell.unwrap(), StoreTime(10_000_000)));
    }

    #[test]
    fn a_limit_that_becomes_stricter_gives_no_credit_again() {
        let (old, new) = (per_second(10, 50).with_calls(50), per_second(5, 50).with_calls(2));
        let cell = reserve(None, StoreTime(0), &old).write;
        assert_eq!(starts(cell.as_ref(), 0, &new), [200_000, 400_000]);
        // Half of it was left, which is as much time as before and half as many calls.
        let cell = reserve(None, StoreTime(0), &per_second(10, 50).with_calls(25)).write;
        assert_eq!(starts(cell.as_ref(), 0, &per_second(5, 50).with_calls(14))[11..], [0, 100_000, 300_000]);
        assert_eq!(starts(cell.as_ref(), 2_500_000, &per_second(5, 50).with_calls(51))[49..], [2_500_000, 2_700_000]);
    }

    fn back(pace: &Pace, seen: Option<&Reservation>) -> Pace {
        let (stay, pause) = (Duration::from_millis(450), Duration::from_millis(50));
        let seen = seen.map(|reply| reply.mark(pace));
        Pace { back: Some(Back { stay, pause, since: StoreTime(0) }), seen, epoch_if_new: 9, ..pace.clone() }
    }

    fn ends(cell: &Cell) -> (u64, u64) {
        (cell.local_end.0, cell.fresh_until.0)
    }

    #[test]
    fn the_first_one_back_books_nothing_and_says_how_long_everybody_stays_alone() {
        let pace = per_second(10, 1).with_calls(2);
        let before = reserve(None, StoreTime(0), &pace);
        let Stepped { reply, write } =
            reserve(before.write.as_ref(), StoreTime(5_000_000), &back(&pace, Some(&before.reply)));
        let cell = write.unwrap();
        assert_eq!((reply.granted, ends(&cell), cell.seq), (0, (5_450_000, 5_500_000), 2));
        assert_eq!((reply.cell, reply.e_min), (cell.clone(), cell.fresh_until));
        assert_eq!(starts(Some(&cell), 5_000_001, &pace), [5_500_000, 5_600_000]);
    }

    #[test]
    fn the_next_one_back_stays_alone_until_then_and_changes_nothing() {
        let pace = per_second(10, 1).with_calls(2);
        let before = reserve(None, StoreTime(0), &pace);
        let returns = back(&pace, Some(&before.reply));
        let cell = reserve(before.write.as_ref(), StoreTime(5_000_000), &returns).write.unwrap();
        let early = reserve(Some(&cell), StoreTime(5_449_999), &returns);
        assert_eq!((early.reply.granted, &early.reply.cell, &early.write), (0, &cell, &None));
        assert_eq!(starts(Some(&cell), 5_450_000, &returns), [5_500_000, 5_600_000]);
    }

    #[test]
    fn the_first_one_back_leaves_no_burst_to_a_fleet_that_was_alone() {
        let pace = per_second(10, 4).with_calls(3);
        let before = reserve(None, StoreTime(0), &pace);
        let cell = reserve(before.write.as_ref(), StoreTime(5_000_000), &back(&pace, Some(&before.reply))).write;
        assert_eq!(starts(cell.as_ref(), 5_000_000, &pace), [5_500_000, 5_600_000, 5_700_000]);
        let lost = reserve(None, StoreTime(5_000_000), &back(&pace, Some(&before.reply))).write;
        assert_eq!(starts(lost.as_ref(), 5_000_000, &pace), [5_600_000, 5_700_000, 5_800_000]);
    }

    #[test]
    fn the_first_one_back_says_what_a_fleet_that_was_alone_drew_of_a_cap() {
        let declared = [1, 10].map(|seconds| {
            let id = LimitId::calls(Duration::from_secs(seconds));
            Declared { id, permits: 10, burst: Some(if seconds > 1 { 5 } else { 1 }) }
        });
        let pace = Pace::new(limits(&declared).unwrap(), Duration::ZERO, 7).with_calls(3);
        let before = reserve(None, StoreTime(0), &pace);
        let mut returns = back(&pace, Some(&before.reply));
        returns.seen.as_mut().unwrap().tats[1] = StoreTime(5_500_000 + 4 * 1_666_667);
        let cell = reserve(before.write.as_ref(), StoreTime(5_000_000), &returns).write;
        assert_eq!(starts(cell.as_ref(), 5_500_000, &pace), [5_500_002, 7_166_668, 8_833_335]);
    }

    #[test]
    fn a_lost_or_rolled_back_cell_is_mended_for_the_first_one_back() {
        let pace = per_second(10, 1).with_calls(30);
        let before = reserve(None, StoreTime(0), &pace);
        let mut older = before.write.unwrap();
        older.seq = 0;
        for stored in [None, Some(&older)] {
            let cell = reserve(stored, StoreTime(1_000_000), &back(&pace, Some(&before.reply))).write.unwrap();
            assert_eq!((cell.epoch, cell.seq, ends(&cell)), (9, 3, (1_450_000, 1_500_000)));
            assert_eq!(starts(Some(&cell), 1_500_000, &pace)[0], 3_000_000);
        }
    }

    #[test]
    fn one_who_comes_back_to_a_cell_in_use_joins_at_once() {
        let pace = per_second(10, 1).with_calls(1);
        let before = reserve(None, StoreTime(0), &pace);
        let moved = reserve(before.write.as_ref(), StoreTime(1_000_000), &pace).write;
        assert_eq!(starts(moved.as_ref(), 2_000_000, &back(&pace, Some(&before.reply))), [2_000_000]);
        assert_eq!(starts(moved.as_ref(), 2_000_000, &back(&pace, None)), [2_000_000]);
        let mut another = before.write.unwrap();
        another.epoch = 8;
        assert_eq!(starts(Some(&another), 2_000_000, &back(&pace, Some(&before.reply))), [2_000_000]);
    }

    #[test]
    fn one_who_remembers_nothing_is_the_first_where_there_is_no_cell_or_only_a_hold() {
        let pace = per_second(10, 1).with_calls(1);
        let held = hold(None, StoreTime(0), StoreTime(3_000_000), Duration::from_secs(60)).write;
        for stored in [None, held.as_ref()] {
            let cell = reserve(stored, StoreTime(1_000_000), &back(&pace, None)).write.unwrap();
            assert_eq!((cell.epoch, ends(&cell)), (9, (1_450_000, 1_500_000)));
        }
    }

    #[test]
    fn an_endless_stay_ends_with_time_and_no_fresh_start_is_shortened() {
        let mut pace = back(&per_second(10, 1), None);
        pace.back = Some(Back { stay: Duration::MAX, pause: Duration::MAX, since: StoreTime(0) });
        let cell = reserve(None, StoreTime(10), &pace).write.unwrap();
        assert_eq!(ends(&cell), (LARGEST, LARGEST));
        assert_eq!(cell.to_text().parse(), Ok(cell));
        pace.back = Some(Back { stay: Duration::ZERO, pause: Duration::ZERO, since: StoreTime(0) });
        pace.fresh_start = Duration::from_secs(1);
        assert_eq!(ends(&reserve(None, StoreTime(10), &pace).write.unwrap()), (10, 1_000_010));
    }

    #[test]
    fn one_who_has_given_up_on_its_request_is_not_the_first_one_back() {
        let mut pace = back(&per_second(10, 1).with_calls(1), None);
        pace.expires = Some(StoreTime(999));
        let Stepped { reply, write } = reserve(None, StoreTime(1_000), &pace);
        assert_eq!((ends(&reply.cell), reply.granted, write), ((0, 1_000), 0, None));
    }
}
