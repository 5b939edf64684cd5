//! [`SlotAllocator`]: the waiters of a bucket, the slots that it holds, and which waiter gets which slot.
//!
//! A *slot* is a booked start time. The allocator takes the booked slots and the time, and returns a [`Decision`] for each
//! waiter and the demand that no slot covers. The planner owns one. Read on in `slots.rs` and in `fair_queue.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::pace::{Booking, Reservation};
use stitchapi_core::{StoreError, Tick};

use super::cell_source::{CellSource, Demand, StoreRequest};
use super::in_process_pacer::{InProcessPacer, NextStart};
use super::slot_source::SlotSource;
use super::slots::{Slot, SlotOrigin, Slots};
use crate::throttle::agent::Effects;
use crate::throttle::fair_queue::{FairQueue, WaiterId};
use crate::throttle::settings::BucketSettings;
use crate::throttle::units::{UnitTotals, Units};
use crate::trace::EventKind;

/// Decision on a waiter.
#[derive(Debug)]
pub(in crate::throttle) enum Decision {
    /// The call starts now, on this slot.
    Start(Slot),
    /// No slot is free in time. The caller may find one if it retries after this time.
    Throttled(Duration),
    /// The deadline of the call has passed.
    TimedOut,
    /// The store is unavailable, and the policy is [`OutagePolicy::Closed`](crate::OutagePolicy::Closed).
    StoreFailed(Arc<StoreError>),
    /// The seam was shut down.
    ShutDown,
}

/// Waiters and slots of a bucket.
#[derive(Debug)]
pub(super) struct SlotAllocator {
    pub(super) queue: FairQueue<Decision>,
    pub(super) slots: Slots,
}

impl SlotAllocator {
    pub(super) fn new() -> Self {
        Self { queue: FairQueue::new(), slots: Slots::default() }
    }

    /// Gives each due slot to the next waiter whose units it covers, and removes slots that are late.
    pub(super) fn serve_slots(
        &mut self,
        source: &SlotSource,
        max_lateness: Duration,
        now: Tick,
        effects: &mut Effects<StoreRequest>,
    ) {
        let mut index = 0;
        while let Some(slot) = self.slots.get(index) {
            if slot.due > now {
                effects.step_at(slot.due);
                break;
            }
            if let Some(by) = source.lateness(slot, now, max_lateness) {
                self.slots.remove(index);
                if self.queue.waiting() > 0 {
                    effects.events.push(EventKind::SlotMissed { by });
                }
                continue;
            }
            match self.queue.next(|waiter| slot.covers(&waiter.units)).map(|(id, _)| id) {
                Some(id) => {
                    let Some(slot) = self.slots.remove(index) else { break };
                    effects.wakers.extend(self.queue.decide(id, Decision::Start(slot)));
                }
                None => index += 1,
            }
        }
    }

    /// Serves the waiters in their order from the budget of this process, until the next one may not start yet.
    pub(super) fn serve_in_process(
        &mut self,
        pacer: &mut InProcessPacer,
        now: Tick,
        effects: &mut Effects<StoreRequest>,
    ) {
        while let Some((id, waiter)) = self.queue.next(|_| true) {
            match pacer.draw_for_waiter(&waiter.units, waiter.arrived, now) {
                NextStart::NotBefore(at) => {
                    effects.step_at(at);
                    return;
                }
                NextStart::Now(due) => {
                    let (units, is_one_call) = (waiter.units.clone(), waiter.is_one_call);
                    let slot = Slot { origin: SlotOrigin::InProcess, units, is_one_call, due };
                    effects.wakers.extend(self.queue.decide(id, Decision::Start(slot)));
                }
            }
        }
    }

    /// Returns the number of waiters for which a slot is booked or requested.
    pub(super) fn outstanding(&self, cell: &CellSource) -> usize {
        self.slots.len() + cell.requested_calls()
    }

    /// Returns the waiters for which no slot is booked or requested, at most the number of further slots that this
    /// process may hold.
    pub(super) fn demand(&self, settings: &BucketSettings, cell: &CellSource, now: Tick) -> Demand {
        let units = self.uncovered_units(settings, cell);
        let group = if units.is_empty() { 0 } else { self.outstanding(cell) + units.len() };
        let latest = self.queue.in_order().take(group).map(|(_, waiter)| waiter.latest_start).max();
        Demand { units, horizon: latest.map_or(Duration::ZERO, |latest| latest.since(now)) }
    }

    fn uncovered_units(&self, settings: &BucketSettings, cell: &CellSource) -> Vec<Units> {
        let outstanding = self.outstanding(cell);
        let room = settings.max_booked.saturating_sub(outstanding).min(settings.max_calls_per_request);
        if room == 0 {
            return Vec::new();
        }
        let mut totals = [self.queue.totals(), self.slots.totals()].into_iter().chain(cell.requested_totals());
        if totals.all(UnitTotals::is_uniform) {
            let uncovered = self.queue.waiting().saturating_sub(outstanding);
            return vec![settings.one_call.clone(); uncovered.min(room)];
        }
        let mut covered: BTreeMap<&[u32], usize> = BTreeMap::new();
        for units in self.slots.iter().map(|slot| &slot.units).chain(cell.requested_units()) {
            *covered.entry(units).or_default() += 1;
        }
        let uncovered = self.queue.in_order().filter(|(_, waiter)| match covered.get_mut(&*waiter.units) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        });
        uncovered.take(room).map(|(_, waiter)| waiter.units.clone()).collect()
    }

    /// Returns the units on the limit at `index` that are neither booked nor requested for the waiters.
    pub(super) fn uncovered_on(&self, index: usize, cell: &CellSource) -> u64 {
        let requested: u64 = cell.requested_totals().map(|totals| totals.units_on(index)).sum();
        self.queue.totals().units_on(index).saturating_sub(self.slots.totals().units_on(index) + requested)
    }

    /// Refuses each waiter whose booked slot is after its latest start, and each waiter without a slot whose latest
    /// start is before `next`: the start of the first call that `reservation` has not booked. Returns the booking of
    /// the slots that no waiter needs then, to be refunded.
    pub(super) fn refuse_late(
        &mut self,
        request: &StoreRequest,
        reservation: &Reservation,
        next: Option<Tick>,
        now: Tick,
        effects: &mut Effects<StoreRequest>,
    ) -> Option<Booking> {
        let trip = now.since(request.sent);
        let mut refused: Vec<(WaiterId, Duration)> = Vec::new();
        let mut free: Vec<&Slot> = self.slots.iter().collect();
        free.reverse();
        for (id, waiter) in self.queue.in_order() {
            match free.iter().rposition(|slot| slot.covers(&waiter.units)) {
                // The round trip to the store does not count as waiting for a slot, but the deadline of the call is
                // fixed.
                Some(index)
                    if free[index].due < (waiter.latest_start + trip).min(waiter.deadline)
                        || free[index].due <= now =>
                {
                    free.remove(index);
                }
                Some(index) => refused.push((id, free[index].due.since(waiter.latest_start))),
                None => match next {
                    // A reservation shows nothing about a waiter that accepts a later start than its request allowed
                    // for.
                    Some(next)
                        if waiter.latest_start <= request.sent + request.reserve.horizon
                            && next > waiter.latest_start =>
                    {
                        refused.push((id, next.since(waiter.latest_start)));
                    }
                    _ => break,
                },
            }
        }
        let unused = free.len();
        if refused.is_empty() {
            return None;
        }
        for (id, retry_after) in refused {
            effects.wakers.extend(self.queue.decide(id, Decision::Throttled(retry_after)));
        }
        if unused == 0 { None } else { self.slots.remove_unused(unused, reservation, &request.reserve) }
    }

    /// Removes the slots whose booking is void.
    pub(super) fn remove_void_slots(&mut self, source: &SlotSource, effects: &mut Effects<StoreRequest>) {
        let slots = self.slots.remove_void(|slot| source.is_void(slot));
        if slots > 0 {
            effects.events.push(EventKind::SlotsVoided { slots });
        }
    }
}
