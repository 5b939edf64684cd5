//! [`CellSource`]: decides when a process sends requests to the *cell* of its bucket, which is the bucket's state in the
//! store, and whether the store is available.
//!
//! It takes the demand (the waiters without a slot), reservations and failures, and returns [`StoreRequest`]s and events. The
//! planner owns one. Read on in `cell_view.rs` and `outage.rs`.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::pace::{Costs, Rejoin, Reservation, ReserveRequest};
use stitchapi_core::{StoreError, StoreTime, Tick};

use super::cell_view::{CellView, ViewChanges};
use super::outage::{BOOKED_AHEAD, Outage, fleet_size};
use super::slots::BookingStamp;
use crate::store::PROBE_INTERVAL;
use crate::throttle::agent::Effects;
use crate::throttle::settings::BucketSettings;
use crate::throttle::units::{UnitTotals, Units};
use crate::trace::{EventKind, HoldReason};

/// Longest time between two requests of a process that holds slots (booked start times). Each reservation confirms the slots
/// that are still valid, so a slot in use was confirmed at most this time and one round trip ago.
const TOUCH_EVERY: Duration = Duration::from_millis(100);
/// Margin by which a touch (a request that books nothing) is sent early, because a timer may be late and a round trip longer
/// than usual.
const TOUCH_EARLY: Duration = Duration::from_millis(5);
/// Upper bound of the batching delay. While all callers wait anyway, a reserve is delayed by an eighth of the expected wait,
/// so that one trip books for more of them.
const MAX_BATCHING_DELAY: Duration = Duration::from_millis(80);
/// Expected wait below which a reserve is not delayed.
const SHORT_WAIT: Duration = Duration::from_millis(2);
/// While requests are in flight, another one is sent only if it books for at least this many times their calls, or for as
/// many calls as a request can hold. If there are fewer, they wait for a later request, which takes part of a round trip.
/// This halves the load on the store.
const CONCURRENT_BATCH_FACTOR: usize = 2;

/// How one process uses a cell.
#[derive(Debug)]
pub(super) struct CellSource {
    pub(super) view: CellView,
    pub(super) outage: Option<Outage>,
    /// Whether bookings are unusable until the next reservation confirms them, because the process was suspended.
    pub(super) must_confirm: bool,
    in_flight: Vec<SentRequest>,
    max_requests: usize,
    requests_sent: u64,
    /// [`SentRequest::number`] of the request in flight that makes the store count this process as active. No other request
    /// does so meanwhile.
    counting: Option<u64>,
    last_sent: Tick,
    /// Highest number of units that one call has requested on each limit, at least 1.
    max_units: Vec<u32>,
    /// Time since which some waiter has had neither a slot nor a request for one.
    demand_since: Option<Tick>,
}

/// Request in flight.
#[derive(Debug)]
struct SentRequest {
    number: u64,
    units: Vec<Units>,
    totals: UnitTotals,
}

/// One reserve to send to the store.
#[derive(Debug)]
pub(in crate::throttle) struct StoreRequest {
    pub(in crate::throttle) reserve: ReserveRequest,
    pub(super) units: Vec<Units>,
    pub(super) sent: Tick,
    number: u64,
    void_count: u64,
    is_probe: bool,
}

/// Waiters for which no slot is booked or requested.
#[derive(Debug)]
pub(super) struct Demand {
    /// Units of each waiter.
    pub(super) units: Vec<Units>,
    /// Time until the latest start that one of the waiters accepts, among all waiters in the queue up to the last of
    /// `units`.
    pub(super) horizon: Duration,
}

/// What a reservation changes for the planner.
#[derive(Debug)]
pub(super) struct Bookings {
    /// Booked starts, in the order of the calls. A start may be void already, for example if a hold covers it.
    pub(super) starts: Vec<(StoreTime, BookingStamp)>,
    /// Remaining length of a hold that was unknown before.
    pub(super) new_hold: Option<Duration>,
    /// Time at which this reservation made the store's clock known; `None` if it was known before, or is not known yet.
    pub(super) clock_known_at: Option<Tick>,
}

impl CellSource {
    /// `is_clock_shared` says whether the store's clock is the clock of this process.
    pub(super) fn new(is_clock_shared: bool, max_requests: usize) -> Box<Self> {
        Box::new(Self {
            view: CellView::new(is_clock_shared),
            outage: None,
            must_confirm: false,
            in_flight: Vec::new(),
            max_requests,
            requests_sent: 0,
            counting: None,
            last_sent: Tick(0),
            max_units: Vec::new(),
            demand_since: None,
        })
    }

    /// Returns `true` if no request is in flight.
    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Returns `true` if no further request may be sent now.
    pub(super) fn is_saturated(&self) -> bool {
        self.in_flight.len() >= self.max_requests
    }

    /// Returns the units of each call in the requests in flight.
    pub(super) fn requested_units(&self) -> impl Iterator<Item = &Units> {
        self.in_flight.iter().flat_map(|request| &request.units)
    }

    /// Returns the total units of each request in flight.
    pub(super) fn requested_totals(&self) -> impl Iterator<Item = &UnitTotals> {
        self.in_flight.iter().map(|request| &request.totals)
    }

    /// Returns the number of calls in the requests in flight.
    pub(super) fn requested_calls(&self) -> usize {
        self.requested_totals().map(UnitTotals::calls).sum()
    }

    /// Plans the next request, or the time of the next step. `last_slot_at` is the time of the last slot that this process
    /// holds.
    pub(super) fn plan(
        &mut self,
        settings: &BucketSettings,
        demand: Demand,
        last_slot_at: Option<Tick>,
        now: Tick,
        random: u64,
        effects: &mut Effects<StoreRequest>,
    ) {
        if self.plan_rejoin(settings, &demand, last_slot_at, now, random, effects) || self.is_saturated() {
            return;
        }
        let min_batch = (self.requested_calls() * CONCURRENT_BATCH_FACTOR).min(settings.max_calls_per_request);
        if !demand.units.is_empty() && demand.units.len() < min_batch {
            return;
        }
        // Only touches are sent, one at a time, until the store's clock is known and the bookings are confirmed: before
        // that no start can be tested for lateness.
        if self.view.clock_known_at().is_none() || self.must_confirm {
            if self.is_quiet() {
                effects.requests.extend(self.touch(settings, now, random));
            }
            return;
        }
        // While a request is in flight no touch is needed, because its reservation confirms the slots.
        let touch_at = last_slot_at.filter(|until| self.is_quiet() && *until > self.last_sent + TOUCH_EVERY);
        let touch_at =
            touch_at.map(|_| self.last_sent + TOUCH_EVERY.saturating_sub(self.view.usual_trip() + TOUCH_EARLY));
        let reserve_at = self.reserve_at(&demand.units, now);
        let due_at = reserve_at.into_iter().chain(touch_at).min();
        match due_at {
            Some(at) if at <= now => effects.requests.push(self.request(settings, demand, None, now, random)),
            Some(at) => effects.step_at(at),
            None => {}
        }
    }

    /// Plans the next probe and returns `true` during an outage. Returns `false` if there is none, or if it has just
    /// ended.
    fn plan_rejoin(
        &mut self,
        settings: &BucketSettings,
        demand: &Demand,
        last_slot_at: Option<Tick>,
        now: Tick,
        random: u64,
        effects: &mut Effects<StoreRequest>,
    ) -> bool {
        let Some(outage) = &mut self.outage else { return false };
        if outage.tracker.is_over(now) {
            effects.events.extend(self.end_outage(now));
            return false;
        }
        let holds_slots = last_slot_at.is_some_and(|until| until > now);
        let touch_every = holds_slots.then_some(TOUCH_EVERY - TOUCH_EARLY);
        if outage.is_probe_due(touch_every, now) {
            outage.tracker.begin_probe();
            let alone_for = PROBE_INTERVAL + settings.timeout;
            let rejoin = Rejoin { alone_for, pause: outage.pause, since: outage.since };
            // Probes only read the cell until one of them has found the store. The probe after that also books, for one
            // waiter.
            let units = demand.units.iter().take(usize::from(outage.is_found())).cloned().collect();
            let demand = Demand { units, horizon: demand.horizon };
            effects.requests.push(self.request(settings, demand, Some(rejoin), now, random));
        } else if let Some(at) = outage.next_action_at(touch_every) {
            effects.step_at(at);
        }
        true
    }

    /// Returns the time at which to reserve for the demand: now, or a little later if all callers have to wait anyway.
    fn reserve_at(&mut self, demand: &[Units], now: Tick) -> Option<Tick> {
        let Some(first) = demand.first() else {
            self.demand_since = None;
            return None;
        };
        let since = *self.demand_since.get_or_insert(now);
        let wait = self.view.due_behind([], first, now).map_or(Duration::ZERO, |due| due.since(now));
        Some(if wait > SHORT_WAIT { since + (wait / 8).min(MAX_BATCHING_DELAY) } else { since })
    }

    /// Returns a request that books nothing, if the store is available and another request may be sent.
    pub(super) fn touch(&mut self, settings: &BucketSettings, now: Tick, random: u64) -> Option<StoreRequest> {
        let may_send = self.outage.is_none() && !self.is_saturated();
        let nothing = Demand { units: Vec::new(), horizon: Duration::ZERO };
        may_send.then(|| self.request(settings, nothing, None, now, random))
    }

    fn request(
        &mut self,
        settings: &BucketSettings,
        demand: Demand,
        rejoin: Option<Rejoin>,
        now: Tick,
        random: u64,
    ) -> StoreRequest {
        let Demand { units, horizon } = demand;
        let mut reserve = ReserveRequest::new(settings.limits.clone(), settings.max_lateness, random);
        reserve.calls = units.iter().map(|units| Costs(units.clone())).collect();
        reserve.initial_delay = settings.initial_delay;
        reserve.max_hold = settings.max_hold;
        reserve.rejoin = rejoin;
        self.view.fill(&mut reserve);
        self.max_units.resize(settings.limits.len(), 1);
        for units in units.iter().filter(|units| !settings.is_one_call(units)) {
            self.max_units.iter_mut().zip(&**units).for_each(|(max, units)| *max = (*units).max(*max));
        }
        if let (Some(rejoin), Some(outage)) = (rejoin, &self.outage) {
            let alone_until = now + settings.timeout + rejoin.alone_for + rejoin.pause;
            let at_once: Vec<i64> =
                self.max_units.iter().map(|max| i64::from(*max) * i64::from(outage.fleet_size) + 1).collect();
            self.view.add_local_draws(&mut reserve, &at_once, outage.since, alone_until, now);
        }
        reserve.horizon = horizon;
        // A store that executes the request later than this books nothing, because the callers have timed out by then.
        reserve.expires = self.view.store_time(now + settings.timeout, now).map(|(earliest, _)| earliest);
        self.requests_sent += 1;
        let number = self.requests_sent;
        reserve.counts = self.counting.is_none();
        self.counting = self.counting.or(Some(number));
        self.last_sent = now;
        self.demand_since = None;
        let mut totals = UnitTotals::default();
        units.iter().for_each(|units| totals.add(units, settings.is_one_call(units)));
        self.in_flight.push(SentRequest { number, units: units.clone(), totals });
        let (void_count, is_probe) = (self.view.void_count(), rejoin.is_some());
        StoreRequest { reserve, units, sent: now, number, void_count, is_probe }
    }

    /// Removes a request from those in flight, because its reservation has arrived, or it has failed or was dropped.
    pub(super) fn end_request(&mut self, request: &StoreRequest, now: Tick) {
        self.in_flight.retain(|sent| sent.number != request.number);
        self.counting = self.counting.filter(|number| *number != request.number);
        if let Some(outage) = self.outage.as_mut().filter(|_| request.is_probe) {
            outage.tracker.end_probe(now);
        }
    }

    /// Applies the reservation that is the store's reply to `request`.
    pub(super) fn apply(
        &mut self,
        request: &StoreRequest,
        reservation: &Reservation,
        now: Tick,
        events: &mut Vec<EventKind>,
    ) -> Bookings {
        self.must_confirm = false;
        let was_clock_known = self.view.clock_known_at().is_some();
        let (starts, changes) = self.view.apply(reservation, &request.reserve, request.void_count, request.sent, now);
        let clock_known_at = self.view.clock_known_at().filter(|_| !was_clock_known);
        events.extend(events_of(&changes));
        if request.is_probe {
            self.apply_probe(request, reservation, now, events);
        }
        Bookings { starts, new_hold: changes.new_hold, clock_known_at }
    }

    fn apply_probe(
        &mut self,
        request: &StoreRequest,
        reservation: &Reservation,
        now: Tick,
        events: &mut Vec<EventKind>,
    ) {
        let Some(outage) = &mut self.outage else { return };
        let was_announced = request.reserve.rejoin.is_some_and(|rejoin| rejoin.was_announced_in(&reservation.cell));
        let has_expired = request.reserve.expires.is_some_and(|expires| reservation.now > expires);
        if reservation.cell.local_end > reservation.now {
            outage.tracker.return_until(self.view.local(reservation.cell.local_end, now));
        } else if has_expired {
            // The store executed the request after its expiry and booked nothing. It shows nothing about other processes,
            // so the search for the store begins again.
            outage.set_found(false);
        } else if !outage.is_found() && !was_announced {
            outage.set_found(true);
        } else {
            events.extend(self.end_outage(now));
        }
    }

    /// Begins an outage, or prolongs it, after `request` has failed.
    pub(super) fn fail(
        &mut self,
        settings: &BucketSettings,
        request: &StoreRequest,
        error: Arc<StoreError>,
        now: Tick,
    ) -> Option<EventKind> {
        if let Some(outage) = &mut self.outage {
            outage.tracker.set_error(error);
            outage.set_found(false);
            return None;
        }
        let (fleet_size, fleet_size_source) = fleet_size(settings.fleet_size, self.view.active_processes());
        let since = self.view.newest_store_time().unwrap_or_default();
        let booked_until = self.view.booked_until(settings.limits.len(), settings.max_booked, request.sent, now);
        // If this process was suspended after it sent the request, `request.sent` is long ago. `probed_at` leaves time for
        // a probe of the store before this process starts calls without it.
        let probed_at = now + BOOKED_AHEAD.saturating_sub(settings.timeout);
        let booked_until = booked_until.max(request.sent + BOOKED_AHEAD).max(probed_at);
        let mut outage =
            Outage::new(&settings.limits, settings.max_lateness, fleet_size, since, booked_until, now, error);
        for (index, max) in self.max_units.iter().enumerate() {
            // On a limit with the shortest period, the pause before the first start covers one unit of each process.
            let uncovered = max - u32::from(settings.paces(index));
            let at_once = u64::from(uncovered) * u64::from(fleet_size);
            if !self.view.has_credit(index, at_once, outage.pacer.opens_at(), now) {
                outage.pacer.spend(index);
            }
        }
        self.outage = Some(outage);
        Some(EventKind::OutageBegan { policy: settings.outage_policy, fleet_size, fleet_size_source })
    }

    fn end_outage(&mut self, now: Tick) -> Option<EventKind> {
        let outage = self.outage.take()?;
        Some(EventKind::OutageEnded { lasted: now.since(outage.tracker.began()) })
    }
}

fn events_of(changes: &ViewChanges) -> impl Iterator<Item = EventKind> + use<> {
    let ViewChanges { clock_went_back, was_lost, clock_uncertain, became_stricter, new_hold } = *changes;
    let events = [
        clock_went_back.then_some(EventKind::StoreClockWentBack),
        was_lost.then_some(EventKind::StateLost),
        clock_uncertain.map(|spread| EventKind::StoreClockUncertain { spread }),
        became_stricter.then_some(EventKind::StricterElsewhere),
        new_hold.map(|by| EventKind::Held { by, reason: HoldReason::OtherProcess }),
    ];
    events.into_iter().flatten()
}
