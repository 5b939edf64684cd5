//! [`Planner`]: state of a bucket's rate limit, and the decisions on its waiters. Pure: no clock, no I/O, no locks.
//!
//! It takes waiters, reservations (the store's replies, which book slots) and the time. It returns a [`Decision`] for
//! each waiter, and [`Effects`]: wakers, events, requests to the store, and the time of the next step.
//! [`RateLimit`](super::super::rate_limit::RateLimit) keeps the planner under a lock. Read on in `cell_source.rs`, or
//! in `in_process_pacer.rs` for a seam without a store.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use stitchapi_core::pace::{Booking, Reservation};
use stitchapi_core::{StoreError, Tick};

use super::cell_source::{CellSource, StoreRequest};
use super::in_process_pacer::InProcessPacer;
use super::slot_allocator::{Decision, SlotAllocator};
use super::slot_source::{HoldEffect, SlotSource};
use super::slots::{Slot, SlotOrigin};
use crate::outage::OutagePolicy;
use crate::rate_limit_headers::Cooldown;
use crate::throttle::agent::Effects;
use crate::throttle::cooldown::BackOff;
use crate::throttle::fair_queue::{DecidedWaiter, Waiter, WaiterId};
use crate::throttle::settings::BucketSettings;
use crate::throttle::status::{BucketStatus, LimitStatus};
use crate::trace::{EventKind, HoldReason};

/// Time without a step after which a process counts as suspended. Then it asks the store whether its bookings are still valid
/// before it uses them.
const SUSPENDED_AFTER: Duration = Duration::from_secs(1);

/// Result of joining the queue.
#[derive(Debug)]
pub(in crate::throttle) struct Joined {
    pub(in crate::throttle) id: WaiterId,
    /// Whether the new waiter requires a step of the agent.
    pub(in crate::throttle) needs_step: bool,
}

/// State of a bucket's rate limit at one moment.
#[derive(Debug)]
pub(in crate::throttle) struct Planner {
    settings: Arc<BucketSettings>,
    allocator: SlotAllocator,
    source: SlotSource,
    /// Computes the length of a hold (a pause of all starts) after a refusal that states none.
    back_off: BackOff,
    last_step: Tick,
}

impl Planner {
    /// Returns the planner of a bucket without a store. No call starts before `opens_at`.
    pub(in crate::throttle) fn in_process(settings: Arc<BucketSettings>, opens_at: Tick) -> Self {
        let pacer = InProcessPacer::new(&settings.limits, settings.max_lateness, opens_at);
        Self::new(settings, SlotSource::InProcess(pacer))
    }

    /// Returns the planner of a bucket whose state is a cell in the store. `is_clock_shared` says whether the store's
    /// clock is the clock of this process.
    pub(in crate::throttle) fn on_cell(settings: Arc<BucketSettings>, is_clock_shared: bool) -> Self {
        let cell = CellSource::new(is_clock_shared, settings.max_requests);
        Self::new(settings, SlotSource::Cell(cell))
    }

    fn new(settings: Arc<BucketSettings>, source: SlotSource) -> Self {
        Self { settings, allocator: SlotAllocator::new(), source, back_off: BackOff::new(), last_step: Tick(0) }
    }

    /// Draws the units of a call and returns `true` if there is no store, no caller waits, and the budget allows a start now.
    #[inline]
    pub(in crate::throttle) fn start_at_once(&mut self, units: &[u32], now: Tick) -> bool {
        let SlotSource::InProcess(pacer) = &mut self.source else { return false };
        self.allocator.queue.waiting() == 0 && pacer.draw_at_once(units, now)
    }

    /// Adds a waiter to its flow.
    ///
    /// # Errors
    ///
    /// The time after which the caller may find a slot, if it is refused. It counts from now if the queue is full, and
    /// from the caller's latest start if the slot is already known to be later than that.
    pub(in crate::throttle) fn join(&mut self, flow: u64, waiter: Waiter) -> Result<Joined, Duration> {
        let (now, latest_start) = (waiter.arrived, waiter.latest_start);
        // On a store the start of the first waiter cannot be estimated: the store may have a slot at once.
        let is_estimable = self.allocator.queue.waiting() > 0 || matches!(self.source, SlotSource::InProcess(_));
        let estimate = if is_estimable { self.estimate(&waiter.units, now) } else { None };
        let is_full = self.settings.max_queue.is_some_and(|max| self.allocator.queue.waiting() >= max);
        if is_full || estimate.is_some_and(|estimate| estimate > latest_start) {
            let from = if is_full { now } else { latest_start };
            return Err(estimate.map_or(Duration::ZERO, |estimate| estimate.since(from)));
        }
        let expiry_before = self.allocator.queue.next_expiry();
        let id = self.allocator.queue.join(flow, waiter);
        // While no further request may be sent, a new waiter requires a step only if it expires first.
        let is_saturated = matches!(&self.source, SlotSource::Cell(cell) if cell.is_saturated());
        let needs_step = !is_saturated || self.allocator.queue.next_expiry() < expiry_before;
        Ok(Joined { id, needs_step })
    }

    /// Removes and returns the waiter and the decision on it. If there is none yet, stores `waker` and returns `None`.
    pub(in crate::throttle) fn poll(&mut self, id: WaiterId, waker: &Waker) -> Option<(DecidedWaiter, Decision)> {
        self.allocator.queue.poll(id, waker)
    }

    /// Returns the event that reports why a slot cannot be used at `now`, or `None` if the call may start.
    pub(in crate::throttle) fn missed(&self, slot: &Slot, now: Tick) -> Option<EventKind> {
        if self.source.is_void(slot) {
            return Some(EventKind::SlotsVoided { slots: 1 });
        }
        self.source.lateness(slot, now, self.settings.max_lateness).map(|by| EventKind::SlotMissed { by })
    }

    /// Adds a waiter whose slot could not be used to the queue again, at its old place.
    pub(in crate::throttle) fn requeue(&mut self, waiter: DecidedWaiter, waker: &Waker) -> WaiterId {
        let id = self.allocator.queue.requeue(waiter);
        let decision = self.allocator.queue.poll(id, waker);
        debug_assert!(decision.is_none(), "a waiter that has just been queued again has no decision");
        id
    }

    /// Removes a waiter. A slot that it was given and has not used goes to the next waiter.
    pub(in crate::throttle) fn leave(&mut self, id: WaiterId, now: Tick, effects: &mut Effects<StoreRequest>) {
        if let Some(Decision::Start(slot)) = self.allocator.queue.leave(id) {
            self.allocator.slots.insert(slot);
            self.serve(now, effects);
        }
    }

    /// Returns `true` if no waiter is without a decision.
    pub(in crate::throttle) fn has_no_waiters(&self) -> bool {
        self.allocator.queue.waiting() == 0
    }

    /// Takes the wakers of all waiters. When they are woken, each waiter polls again.
    pub(in crate::throttle) fn take_wakers(&mut self) -> Vec<Waker> {
        self.allocator.queue.take_wakers()
    }

    /// Returns `true` if a caller can send the next request itself: the bucket is in a store, and no request is in flight.
    pub(in crate::throttle) fn is_quiet_cell(&self) -> bool {
        matches!(&self.source, SlotSource::Cell(cell) if cell.is_quiet())
    }

    /// Serves the waiters that can be served now, and plans the next request and the next step. `random` is 64 random
    /// bits.
    pub(in crate::throttle) fn step(&mut self, now: Tick, random: u64) -> Effects<StoreRequest> {
        let mut effects = Effects::default();
        let had_waiters = self.allocator.queue.waiting() > 0;
        self.serve(now, &mut effects);
        self.expire(now, &mut effects);
        // Waiters that were served without the store, during an outage, still cause a probe of the store.
        if had_waiters {
            self.plan(now, random, &mut effects);
        }
        effects
    }

    /// Serves the next waiters: with due slots, and without a store or during an outage also from this process' budget
    /// or by the outage policy.
    fn serve(&mut self, now: Tick, effects: &mut Effects<StoreRequest>) {
        let was_suspended = now.since(self.last_step) > SUSPENDED_AFTER && self.last_step > Tick(0);
        self.last_step = now;
        if let SlotSource::Cell(cell) = &mut self.source {
            let confirmed_at = cell.view.confirmed_at();
            let is_unconfirmed = confirmed_at.is_none_or(|confirmed| now.since(confirmed) > SUSPENDED_AFTER);
            cell.must_confirm |= was_suspended && is_unconfirmed && self.allocator.slots.len() > 0;
            if cell.must_confirm {
                return;
            }
        }
        self.allocator.serve_slots(&self.source, self.settings.max_lateness, now, effects);
        match &mut self.source {
            SlotSource::InProcess(pacer) => self.allocator.serve_in_process(pacer, now, effects),
            SlotSource::Cell(cell) => {
                let Some(outage) = cell.outage.as_mut().filter(|outage| outage.is_fresh(now)) else { return };
                match self.settings.outage_policy {
                    OutagePolicy::Local => self.allocator.serve_in_process(&mut outage.pacer, now, effects),
                    OutagePolicy::Open => {
                        let unpaced = || {
                            let units = self.settings.one_call.clone();
                            Decision::Start(Slot { origin: SlotOrigin::Unpaced, units, is_one_call: true, due: now })
                        };
                        effects.wakers.extend(self.allocator.queue.decide_all(unpaced));
                    }
                    OutagePolicy::Closed => {
                        let failed = || Decision::StoreFailed(outage.tracker.error().clone());
                        effects.wakers.extend(self.allocator.queue.decide_all(failed));
                    }
                }
            }
        }
    }

    /// Refuses each waiter whose deadline has passed, and each waiter whose latest start has passed if no slot is
    /// booked or requested for it.
    fn expire(&mut self, now: Tick, effects: &mut Effects<StoreRequest>) {
        if self.allocator.queue.next_expiry() <= now {
            let outstanding = match &self.source {
                SlotSource::InProcess(_) => 0,
                SlotSource::Cell(cell) => self.allocator.outstanding(cell),
            };
            let expired: Vec<_> = self
                .allocator
                .queue
                .in_order()
                .enumerate()
                .filter(|(index, (_, waiter))| {
                    waiter.deadline <= now || waiter.latest_start < now && *index >= outstanding
                })
                .map(|(_, (id, waiter))| (id, waiter.deadline, waiter.units.clone()))
                .collect();
            for (id, deadline, units) in expired {
                let decision = if deadline <= now {
                    Decision::TimedOut
                } else {
                    Decision::Throttled(
                        self.estimate(&units, now).map_or(Duration::ZERO, |estimate| estimate.since(now)),
                    )
                };
                effects.wakers.extend(self.allocator.queue.decide(id, decision));
            }
            self.allocator.queue.update_next_expiry(now);
        }
        if self.allocator.queue.waiting() > 0 {
            effects.step_at(self.allocator.queue.next_expiry());
        }
    }

    /// Plans the next request to the store, or the time of the step that sends it.
    fn plan(&mut self, now: Tick, random: u64, effects: &mut Effects<StoreRequest>) {
        let SlotSource::Cell(cell) = &mut self.source else { return };
        let demand = self.allocator.demand(&self.settings, cell, now);
        let held_until = self.allocator.slots.last().map(|slot| slot.due);
        cell.plan(&self.settings, demand, held_until, now, random, effects);
    }

    /// Returns a request that books nothing, if the store is available and another request may be sent.
    pub(in crate::throttle) fn touch(&mut self, now: Tick, random: u64) -> Option<StoreRequest> {
        let SlotSource::Cell(cell) = &mut self.source else { return None };
        cell.touch(&self.settings, now, random)
    }

    /// Applies the result of `request` and serves the waiters. Returns bookings that no waiter can use, to be refunded.
    pub(in crate::throttle) fn apply(
        &mut self,
        request: &StoreRequest,
        result: Result<Reservation, Arc<StoreError>>,
        now: Tick,
        effects: &mut Effects<StoreRequest>,
    ) -> Option<Booking> {
        let SlotSource::Cell(cell) = &mut self.source else { return None };
        cell.end_request(request, now);
        let unused = match result {
            Ok(reservation) => self.apply_reservation(request, &reservation, now, effects),
            Err(error) => {
                effects.events.extend(cell.fail(&self.settings, request, error, now));
                if std::mem::take(&mut cell.must_confirm) {
                    // Bookings that cannot be confirmed are not used.
                    self.allocator.slots.remove_void(|_| true);
                }
                None
            }
        };
        self.serve(now, effects);
        unused
    }

    fn apply_reservation(
        &mut self,
        request: &StoreRequest,
        reservation: &Reservation,
        now: Tick,
        effects: &mut Effects<StoreRequest>,
    ) -> Option<Booking> {
        let SlotSource::Cell(cell) = &mut self.source else { return None };
        let bookings = cell.apply(request, reservation, now, &mut effects.events);
        if let Some(at) = bookings.clock_known_at {
            // The time until the store's clock was known does not count as a wait for a slot.
            self.allocator.queue.restart_waits_at(at);
        }
        if let Some(by) = bookings.new_hold {
            self.back_off.on_hold(now + by, now);
        }
        let offset = cell.view.offset_at(now);
        let next = reservation.next_start(&request.reserve).map(|start| offset.latest_local(start));
        // During an outage a probe may book nothing, which does not show that the waiters cannot be served in time.
        let next = next.filter(|_| cell.outage.is_none());
        self.allocator.slots.advance(|start| offset.latest_local(start));
        for ((start, stamp), units) in bookings.starts.into_iter().zip(&request.units) {
            let is_one_call = self.settings.is_one_call(units);
            let (origin, due) = (SlotOrigin::Cell(start, stamp), offset.latest_local(start));
            self.allocator.slots.insert(Slot { origin, units: units.clone(), is_one_call, due });
        }
        self.allocator.remove_void_slots(&self.source, effects);
        self.allocator.refuse_late(request, reservation, next, now, effects)
    }

    /// Forgets a request that will have no result, because the future that sent it was dropped.
    pub(in crate::throttle) fn drop_request(&mut self, request: &StoreRequest, now: Tick) {
        if let SlotSource::Cell(cell) = &mut self.source {
            cell.end_request(request, now);
        }
    }

    /// Returns the expected start of a caller with these units that arrives now; `None` if it is unknown.
    fn estimate(&self, units: &[u32], now: Tick) -> Option<Tick> {
        let waiting = (0..units.len()).map(|index| self.allocator.queue.totals().units_on(index));
        match &self.source {
            SlotSource::InProcess(pacer) => Some(pacer.due_behind(waiting, units, now)),
            SlotSource::Cell(cell) => {
                let Some(outage) = &cell.outage else {
                    let before = (0..units.len()).map(|index| self.allocator.uncovered_on(index, cell));
                    return cell.view.due_behind(before, units, now);
                };
                let is_local = self.settings.outage_policy == OutagePolicy::Local;
                is_local.then(|| outage.pacer.due_behind(waiting, units, now))
            }
        }
    }

    /// Returns `true` if the planner can be discarded and created again later: it has no waiter and no slot, no request
    /// is in flight, no hold and no outage lasts, and the budget is full.
    pub(in crate::throttle) fn is_idle(&self, now: Tick) -> bool {
        self.source.is_idle(now) && self.allocator.queue.is_empty() && self.allocator.slots.len() == 0
    }

    /// Holds all starts for the cooldown that a response requests, at most for the longest hold. `started` is the start of
    /// the request that the response answers. Returns `None` if no cooldown applies.
    pub(in crate::throttle) fn apply_cooldown(
        &mut self,
        cooldown: Cooldown,
        started: Tick,
        now: Tick,
        effects: &mut Effects<StoreRequest>,
    ) -> Option<HoldEffect> {
        let max_hold = self.settings.max_hold;
        let (length, reason) = match cooldown {
            Cooldown::None => return None,
            Cooldown::Stated(length, reason) => (length.min(max_hold), reason),
            Cooldown::Unstated => (self.back_off.on_refusal(started, now, max_hold)?, HoldReason::Refusal),
        };
        if length.is_zero() {
            return None;
        }
        let until = now + length;
        self.back_off.on_hold(until, now);
        let hold = self.source.hold(until, now);
        if hold.is_longer {
            effects.events.push(EventKind::Held { by: length, reason });
            self.allocator.remove_void_slots(&self.source, effects);
        }
        Some(hold)
    }

    /// Shortens the next hold of unstated length, because the API accepted a request that started at `started`.
    pub(in crate::throttle) fn record_acceptance(&mut self, started: Tick, now: Tick) {
        self.back_off.on_acceptance(started, now);
    }

    /// Corrects a charge on the limit at `index`. Returns `true` if the store has to correct it, too.
    pub(in crate::throttle) fn settle(&mut self, index: usize, delta: i64, now: Tick) -> bool {
        self.source.settle(index, delta, now)
    }

    /// Refuses every waiter, because the seam was shut down. Returns their wakers.
    pub(in crate::throttle) fn shut_down(&mut self) -> Vec<Waker> {
        self.allocator.queue.decide_all(|| Decision::ShutDown)
    }

    /// Returns the status of the bucket, without its concurrency limit.
    pub(in crate::throttle) fn status(&self, name: String, now: Tick) -> BucketStatus {
        let full_in = self.source.full_in(now);
        let limits = self.settings.limits.iter().enumerate().map(|(index, limit)| LimitStatus {
            unit: limit.id.unit().to_owned(),
            permits: limit.permits,
            period: limit.id.period(),
            burst: limit.burst,
            full_in: full_in.as_ref().and_then(|full_in| full_in.get(index).copied()),
        });
        let cell = match &self.source {
            SlotSource::InProcess(_) => None,
            SlotSource::Cell(cell) => Some(cell),
        };
        BucketStatus {
            name,
            limits: limits.collect(),
            next_start: self.estimate(&self.settings.one_call, now).map(|due| due.since(now)),
            waiting: self.allocator.queue.waiting(),
            booked: self.allocator.slots.len(),
            held: Some(self.source.held_for(now)).filter(|held| !held.is_zero()),
            is_stricter_elsewhere: cell.is_some_and(|cell| cell.view.is_stricter_elsewhere()),
            concurrency: None,
            outage: cell.and_then(|cell| cell.outage.as_ref()).map(|outage| now.since(outage.tracker.began())),
            age: cell.and_then(|cell| cell.view.confirmed_at()).map(|sent| now.since(sent)),
        }
    }
}
