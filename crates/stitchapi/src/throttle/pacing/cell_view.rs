//! [`CellView`]: what one process knows of a bucket's cell from the reservations that it has received.
//!
//! A *cell* is the state of one bucket in the store. Each reservation (the store's reply to a request) updates the
//! view. The view returns the snapshot for the next request, whether a booking is still valid, and the local time of a
//! start. [`CellSource`](super::cell_source::CellSource) owns one. Read on in `store_clock.rs` and `round_trips.rs`.

use std::iter::repeat_n;
use std::time::Duration;

use stitchapi_core::pace::{Cell, CellSnapshot, GcraSet, Limit, Reservation, ReserveRequest, Tat};
use stitchapi_core::{StoreTime, Tick};

use super::round_trips::RoundTrips;
use super::slots::BookingStamp;
use super::store_clock::{ClockOffset, Observation, StoreClock};

/// Number of reservations after which calls may start however inexactly the store's clock is known. Fewer are enough if the
/// clock is known well.
const CLOCK_READINGS: u32 = 4;

/// View of a cell, as of the newest reservation.
#[derive(Debug)]
pub(super) struct CellView {
    clock: StoreClock,
    trips: RoundTrips,
    newest: Option<NewestState>,
    /// Number of times that all bookings became void without a new epoch of the cell, because the store's clock was set
    /// back.
    void_count: u64,
    /// Number of reservations that were received.
    readings: u32,
    /// Time since which the store's clock has been known well enough for a start.
    clock_known_at: Option<Tick>,
    /// End of the hold (a pause of all starts). No call starts before this time.
    held_until: StoreTime,
    /// Epoch of the cell that counted this process last, and the window in which it was counted.
    counted: Option<(u64, u64)>,
    /// Number of processes that use the bucket.
    active_processes: Option<u32>,
    /// Whether the spread of the store's clock (the uncertainty of its offset) exceeds the maximum lateness.
    is_clock_uncertain: bool,
    /// Whether a stricter setting of another process is in force.
    is_stricter_elsewhere: bool,
}

/// State of the cell after the newest reservation.
#[derive(Debug)]
struct NewestState {
    /// The store's time of the reservation.
    now: StoreTime,
    snapshot: CellSnapshot,
    /// The limits after the bookings of the reservation.
    gcra: GcraSet,
    /// When the request was sent.
    sent: Tick,
}

/// What a reservation has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ViewChanges {
    /// Whether the store's clock was set back.
    pub(super) clock_went_back: bool,
    /// Whether the cell was lost.
    pub(super) was_lost: bool,
    /// Spread of the clock, if it now exceeds the maximum lateness and did not before.
    pub(super) clock_uncertain: Option<Duration>,
    /// Whether a stricter setting of another process came into force.
    pub(super) became_stricter: bool,
    /// Remaining length of a hold that was unknown before.
    pub(super) new_hold: Option<Duration>,
}

impl CellView {
    /// `is_clock_shared` says whether the store's clock is the clock of this process.
    pub(super) fn new(is_clock_shared: bool) -> Self {
        Self {
            clock: StoreClock::new(is_clock_shared),
            trips: RoundTrips::default(),
            newest: None,
            void_count: 0,
            readings: 0,
            clock_known_at: None,
            held_until: StoreTime(0),
            counted: None,
            active_processes: None,
            is_clock_uncertain: false,
            is_stricter_elsewhere: false,
        }
    }

    /// Sets the snapshot, the window of the last count and the lead (the shortest time to a start) in a request.
    pub(super) fn fill(&self, request: &mut ReserveRequest) {
        request.snapshot = self.newest.as_ref().map(|newest| newest.snapshot.clone());
        let epoch = request.snapshot.as_ref().map(|snapshot| snapshot.epoch);
        request.counted = self.counted.filter(|(counted_in, _)| Some(*counted_in) == epoch).map(|(_, window)| window);
        request.lead = self.trips.lead(request.max_lateness);
    }

    /// Adds to the snapshot in `request`, which returns from an outage, the units that the fleet may have drawn during
    /// the outage without the cell. These are the full rate from the store's time `since` to the local time `until`,
    /// and `at_once` units more on each limit.
    pub(super) fn add_local_draws(
        &self,
        request: &mut ReserveRequest,
        at_once: &[i64],
        since: StoreTime,
        until: Tick,
        now: Tick,
    ) {
        let (Some(newest), Some((_, until))) = (&self.newest, self.store_time(until, now)) else { return };
        let Some(snapshot) = &mut request.snapshot else { return };
        let mut gcra = newest.gcra.clone();
        for (index, units) in at_once.iter().enumerate() {
            gcra.settle(index, *units, since);
        }
        for ((tat, drawn), limit) in snapshot.tats.iter_mut().zip(gcra.tats()).zip(&request.limits) {
            let spent = until + (limit.id.period() + request.max_lateness) / limit.permits.max(1) * limit.burst;
            *tat = (*tat).max(spent.min(drawn.rounded_up() + until.since(since)));
        }
    }

    /// Returns the time until which other processes may have booked by `sent`. It assumes that since the newest reservation
    /// the whole rate was used, and that `max_booked` further slots are booked ahead.
    pub(super) fn booked_until(&self, limits: usize, max_booked: usize, sent: Tick, now: Tick) -> Tick {
        let (before, one) = (u64::try_from(max_booked).unwrap_or(u64::MAX), vec![1; limits]);
        let Some(newest) = &self.newest else { return sent };
        let next = newest.gcra.due_behind(repeat_n(before, limits), &one, newest.now.max(self.held_until));
        self.local(next, now) + sent.since(newest.sent)
    }

    /// Returns `true` if the limit at `index` can start `units` at once at the time `at`, provided that no process draws on
    /// it until then.
    pub(super) fn has_credit(&self, index: usize, units: u64, at: Tick, now: Tick) -> bool {
        let Some(newest) = self.newest.as_ref().filter(|_| units > 0) else { return true };
        let before = repeat_n(0, index).chain([units - 1]);
        let mut one = vec![0; index + 1];
        one[index] = 1;
        let e_min = self.store_time(now, now).map_or(newest.now, |(earliest, _)| earliest);
        self.local(newest.gcra.due_behind(before, &one, e_min), now) <= at
    }

    /// Returns the number of processes that use the bucket, as of the newest reservation.
    pub(super) fn active_processes(&self) -> Option<u32> {
        self.active_processes
    }

    /// Returns the void count to remember with a request that is sent now: its bookings are void once the count differs.
    pub(super) fn void_count(&self) -> u64 {
        self.void_count
    }

    /// Returns the time at which the store's clock was known well enough for a start, or as well as possible.
    pub(super) fn clock_known_at(&self) -> Option<Tick> {
        self.clock_known_at
    }

    /// Returns the store's time of the newest reservation.
    pub(super) fn newest_store_time(&self) -> Option<StoreTime> {
        self.newest.as_ref().map(|newest| newest.now)
    }

    /// Returns the sending time of the request of the newest reservation. The bookings were valid at this time.
    pub(super) fn confirmed_at(&self) -> Option<Tick> {
        self.newest.as_ref().map(|newest| newest.sent)
    }

    /// Returns the duration of a usual round trip.
    pub(super) fn usual_trip(&self) -> Duration {
        self.trips.usual()
    }

    /// Converts a store's time to local time. The result is never before the true local time.
    pub(super) fn local(&self, time: StoreTime, now: Tick) -> Tick {
        self.clock.offset_at(now).latest_local(time)
    }

    /// Returns the offset between the clocks at `now`.
    pub(super) fn offset_at(&self, now: Tick) -> ClockOffset {
        self.clock.offset_at(now)
    }

    /// Returns the earliest and the latest time that the store's clock may show at the local time `at`. `None` before
    /// any reservation.
    pub(super) fn store_time(&self, at: Tick, now: Tick) -> Option<(StoreTime, StoreTime)> {
        self.clock.offset_at(now).store_time(at)
    }

    /// Applies the reservation for a request that was sent at `sent`, when the void count was `void_count`. Returns the
    /// booked starts, each with the stamp that shows when it is void, and what has changed.
    pub(super) fn apply(
        &mut self,
        reservation: &Reservation,
        request: &ReserveRequest,
        void_count: u64,
        sent: Tick,
        received: Tick,
    ) -> (Vec<(StoreTime, BookingStamp)>, ViewChanges) {
        let mut changes = ViewChanges::default();
        self.readings = self.readings.saturating_add(1);
        self.trips.record(received.since(sent));
        changes.clock_went_back = self.clock.observe(reservation.now, sent, received) == Observation::WentBack;
        self.void_count += u64::from(changes.clock_went_back);
        // The reservation that shows the clock set back was made on the new clock, and so were its bookings: they are valid.
        let void_count = if changes.clock_went_back { self.void_count } else { void_count };

        let mut starts = reservation.starts(request);
        let booked: Vec<StoreTime> = starts.by_ref().collect();
        let gcra = starts.into_gcra();
        let mut snapshot = reservation.snapshot_after(request, &gcra);
        let epoch = snapshot.epoch;
        self.counted = reservation.counted.map(|window| (epoch, window)).or(self.counted);
        let newest = self.newest.as_ref();
        // Another request may have booked since this one was sent, so the later booking time counts.
        snapshot.booked = newest
            .filter(|newest| newest.snapshot.epoch == epoch)
            .map_or(snapshot.booked, |newest| newest.snapshot.booked.max(snapshot.booked));
        let is_newer = newest.is_none_or(|newest| (newest.now, newest.snapshot.seq) <= (reservation.now, snapshot.seq));
        // A cell that has expired because no process called is not a loss.
        changes.was_lost = is_newer
            && newest.is_some_and(|old| old.snapshot.epoch != epoch && old.snapshot.kept_until() > reservation.now);
        if is_newer || changes.clock_went_back {
            self.newest = Some(NewestState { now: reservation.now, snapshot, gcra, sent });
            self.update_active_processes(reservation);
        }

        self.update_hold(&reservation.cell, reservation.now, &mut changes);
        let is_stricter = is_stricter(&reservation.cell, &request.limits);
        let was_stricter = std::mem::replace(&mut self.is_stricter_elsewhere, is_stricter);
        changes.became_stricter = is_stricter && !was_stricter;
        self.update_clock_quality(request.max_lateness, received, &mut changes);
        let stamp = BookingStamp { epoch, void_count };
        (booked.into_iter().map(|start| (start, stamp)).collect(), changes)
    }

    /// Updates the number of active processes. A cell whose window before had no requests has only begun to count, so the
    /// number known before is kept until its first window is complete.
    fn update_active_processes(&mut self, reservation: &Reservation) {
        let (active, counts) = (reservation.active(), reservation.cell.processes.at(reservation.now));
        self.active_processes =
            if counts.previous > 0 { Some(active) } else { self.active_processes.map(|known| known.max(active)) };
    }

    fn update_hold(&mut self, cell: &Cell, now: StoreTime, changes: &mut ViewChanges) {
        if changes.clock_went_back {
            self.held_until = cell.held_until;
        } else if cell.held_until > self.held_until {
            self.held_until = cell.held_until;
            changes.new_hold = Some(cell.held_until.since(now)).filter(|held| !held.is_zero());
        }
    }

    fn update_clock_quality(&mut self, max_lateness: Duration, now: Tick, changes: &mut ViewChanges) {
        let spread = self.clock.offset_at(now).spread();
        if self.clock_known_at.is_none() && (self.readings >= CLOCK_READINGS || spread <= max_lateness / 4) {
            self.clock_known_at = Some(now);
        }
        if self.clock_known_at.is_some() {
            let is_uncertain = spread > max_lateness;
            let has_changed = std::mem::replace(&mut self.is_clock_uncertain, is_uncertain) != is_uncertain;
            changes.clock_uncertain = Some(spread).filter(|_| is_uncertain && has_changed);
        }
    }

    /// Corrects a charge at once, without waiting for the next reservation to report it.
    pub(super) fn settle(&mut self, index: usize, delta: i64, now: Tick) {
        let Some((earliest, _)) = self.store_time(now, now) else { return };
        if let Some(newest) = &mut self.newest {
            newest.gcra.settle(index, delta, earliest);
        }
    }

    /// Lets no call start before `until`, at once, without waiting for the next reservation to report the hold. Returns
    /// `false` if a hold until then or later is in force already.
    pub(super) fn hold_until(&mut self, until: StoreTime) -> bool {
        let is_longer = until > self.held_until;
        self.held_until = self.held_until.max(until);
        is_longer
    }

    /// Returns the remaining length of the hold.
    pub(super) fn held_for(&self, now: Tick) -> Duration {
        self.local(self.held_until, now).since(now)
    }

    /// Returns `true` if a stricter setting of another process is in force.
    pub(super) fn is_stricter_elsewhere(&self) -> bool {
        self.is_stricter_elsewhere
    }

    /// Returns after how long each limit has its whole burst again. `None` before any reservation.
    pub(super) fn full_in(&self, now: Tick) -> Option<Vec<Duration>> {
        let full_at = |tat: Tat| self.local(tat.rounded_up(), now);
        Some(self.newest.as_ref()?.gcra.tats().map(|tat| full_at(tat).since(now)).collect())
    }

    /// Returns `true` if the view can be discarded and created again later: no hold is left, and every limit has its whole
    /// burst.
    pub(super) fn is_expired(&self, now: Tick) -> bool {
        let Some(newest) = &self.newest else { return true };
        let Some((earliest, _)) = self.store_time(now, now) else { return true };
        earliest >= self.held_until && newest.snapshot.tats.iter().all(|tat| *tat <= earliest)
    }

    /// Returns `true` if a booking is void: its cell was lost, the clock went back, or a hold covers it.
    pub(super) fn is_void(&self, start: StoreTime, stamp: BookingStamp) -> bool {
        let epoch = self.newest.as_ref().map_or(stamp.epoch, |newest| newest.snapshot.epoch);
        stamp != BookingStamp { epoch, void_count: self.void_count } || start < self.held_until
    }

    /// Returns by how much a start now is late for a slot at `start` that is due at `due`. `None` if it is in time.
    pub(super) fn lateness(&self, start: StoreTime, due: Tick, now: Tick, max_lateness: Duration) -> Option<Duration> {
        let offset = self.clock.offset_at(now);
        // The clock may be known better than at the booking. Both local times are never early, so the earlier one is nearer
        // to the true one.
        let mut due = due.min(offset.latest_local(start));
        // Where the clock is known well, a start that is possibly late counts as late, so that no start is later than the
        // maximum lateness.
        if offset.spread() <= max_lateness / 2 {
            due = due.min(offset.earliest_local(start));
        }
        (now >= due + max_lateness).then(|| now.since(due))
    }

    /// Returns the expected start of a caller behind waiters whose units sum to `before`. It may be too early, because other
    /// processes may have booked since the newest reservation.
    pub(super) fn due_behind(&self, before: impl IntoIterator<Item = u64>, units: &[u32], now: Tick) -> Option<Tick> {
        let newest = self.newest.as_ref()?;
        let (earliest, _) = self.store_time(now, now)?;
        let e_min = earliest.max(self.held_until);
        Some(self.local(newest.gcra.due_behind(before, units, e_min), now))
    }
}

/// Returns `true` if the cell has a stricter setting than `limits`.
fn is_stricter(cell: &Cell, limits: &[Limit]) -> bool {
    limits.iter().any(|ours| {
        let theirs = cell.limits.iter().find(|theirs| theirs.id == ours.id);
        theirs.is_some_and(|theirs| theirs.permits.value < ours.permits || theirs.burst.value < ours.burst)
    })
}

#[cfg(test)]
mod tests {
    use stitchapi_core::pace::transition::{self, Transition};
    use stitchapi_core::pace::{LimitId, LimitSpec, limits};

    use super::*;

    #[test]
    fn a_stricter_setting_is_reported_until_the_cell_drops_it() {
        let max_lateness = Duration::from_millis(5);
        let request = |permits| {
            let id = LimitId::calls(Duration::from_secs(1));
            let limits = limits(&[LimitSpec { id, permits, burst: None }]).unwrap();
            ReserveRequest::new(limits, max_lateness, 1).with_calls(1)
        };
        let (ours, theirs) = (request(10), request(5));
        let written = |transition: Transition<Cell, Reservation>| transition.write.unwrap();
        let stricter = |second: u64| written(transition::reserve(None, StoreTime(second * 1_000_000), &theirs));
        let mut view = CellView::new(true);
        let mut receive = |cell: &Cell, second: u64| {
            let now = StoreTime(second * 1_000_000);
            let transition = transition::reserve(Some(cell), now, &ours);
            let (_, changes) = view.apply(&transition.reply, &ours, 0, Tick(now.0), Tick(now.0));
            (written(transition), changes.became_stricter, view.is_stricter_elsewhere())
        };
        let (cell, became, is) = receive(&stricter(1), 2);
        assert!(became && is);
        let (cell, became, is) = receive(&cell, 3);
        assert!(!became && is);
        // A minute after the other process has declared its setting last, the setting expires.
        let (_, became, is) = receive(&cell, 120);
        assert!(!became && !is);
        let (_, became, is) = receive(&stricter(121), 122);
        assert!(became && is);
    }
}
