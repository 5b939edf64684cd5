//! What the answer of a store changes in a bucket.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::pace::{Booking, Reservation};
use stitchapi_core::{StoreError, Tick};

use super::cell_source::Request;
use super::cell_view::Learned;
use super::planner::{Source, State, Verdict, Work};
use super::slots::{At, Slot};
use crate::throttle::queue::Ticket;
use crate::throttle::settings::Settings;
use crate::trace::{EventKind, HoldReason};

impl State {
    /// Takes in the answer to `request`, or its failure; what of the booking is to be given back.
    pub(in crate::throttle) fn take_in(
        &mut self,
        settings: &Settings,
        request: &Request,
        answer: Result<Reservation, Arc<StoreError>>,
        now: Tick,
        work: &mut Work,
    ) -> Option<Booking> {
        let Source::Cell(cell) = &mut self.source else { return None };
        cell.ends(request, now);
        let reply = match answer {
            Ok(reply) => reply,
            Err(error) => {
                work.events.extend(cell.fail(settings, request, error, now));
                if std::mem::take(&mut cell.must_confirm) {
                    // What cannot be confirmed is not used.
                    self.slots.drop_void(|_| true);
                }
                return None;
            }
        };
        cell.must_confirm = false;
        let was_learned = cell.known.learned().is_some();
        let (booked, learned) = cell.known.take_in(&reply, &request.pace, request.voided, request.sent, now);
        if let Some(at) = cell.known.learned().filter(|_| !was_learned) {
            // What a process learns once is not a wait for a slot.
            self.queue.be_patient_from(at);
        }
        work.events.extend(events(&learned));
        if let Some(by) = learned.held {
            self.back_off.on_hold(now + by, now);
        }
        let was_announced = request.pace.rejoin.is_some_and(|rejoin| rejoin.was_announced_in(&reply.cell));
        match &mut cell.outage {
            Some(outage) if request.is_probe && reply.cell.local_end > reply.now => {
                outage.stay_until(cell.known.local(reply.cell.local_end, now));
            }
            // It came too late to say anything: the next one will.
            Some(outage) if request.is_probe && request.pace.expires.is_some_and(|expires| reply.now > expires) => {
                outage.finds(false);
            }
            Some(outage) if request.is_probe && !outage.is_found() && !was_announced => outage.finds(true),
            Some(_) if request.is_probe => work.events.extend(cell.recovers(now)),
            _ => {}
        }
        let clock = cell.known.clock_at(now);
        self.slots.refresh(|start| clock.local(start));
        for ((start, stamp), units) in booked.into_iter().zip(&request.units) {
            let (is_plain, due) = (settings.is_one_call(units), clock.local(start));
            self.slots.put(Slot { at: At::Store(start, stamp), units: units.clone(), is_plain, due });
        }
        self.drop_void(work);
        let Source::Cell(cell) = &self.source else { return None };
        // To one who comes back nothing was granted: that does not say that the others cannot wait.
        let next = reply.next_start(&request.pace).filter(|_| cell.outage.is_none());
        let next = next.map(|start| clock.local(start));
        let left_over = self.refuse_the_impatient(request, next, now, work)?;
        self.give_back(request, &reply, left_over)
    }

    /// Tells those who cannot wait for what is booked for them, and those whose turn is beyond the horizon; how many of the
    /// slots are left over by that.
    fn refuse_the_impatient(
        &mut self,
        request: &Request,
        next: Option<Tick>,
        now: Tick,
        work: &mut Work,
    ) -> Option<usize> {
        let trip = now.since(request.sent);
        let mut refused: Vec<(Ticket, Duration)> = Vec::new();
        let mut free: Vec<&Slot> = self.slots.iter().collect();
        free.reverse();
        for (ticket, waiter) in self.queue.in_order() {
            match free.iter().rposition(|slot| slot.covers(waiter)) {
                // The trip to the store is not a wait in the queue, but the call's deadline is the end.
                Some(index)
                    if free[index].due < (waiter.latest + trip).min(waiter.deadline) || free[index].due <= now =>
                {
                    free.remove(index);
                }
                Some(index) => refused.push((ticket, free[index].due.since(waiter.latest))),
                None => match next {
                    // A store that books nothing because the request has expired says nothing of who can wait.
                    Some(next) if waiter.latest <= request.sent + request.pace.horizon && next > waiter.latest => {
                        refused.push((ticket, next.since(waiter.latest)));
                    }
                    _ => break,
                },
            }
        }
        let left_over = free.len();
        let any = !refused.is_empty();
        for (ticket, after) in refused {
            work.wakers.extend(self.queue.settle(ticket, Verdict::Refused(after)));
        }
        Some(left_over).filter(|left_over| any && *left_over > 0)
    }

    /// Takes back the last `left_over` slots, if they are the last of this reply: they can be refunded.
    fn give_back(&mut self, request: &Request, reply: &Reservation, left_over: usize) -> Option<Booking> {
        let keep = reply.granted.checked_sub(left_over)?;
        let mut starts = reply.starts(&request.pace).skip(keep);
        let first = self.slots.len().checked_sub(left_over)?;
        let are_the_last = self.slots.iter().skip(first).all(|slot| match slot.at {
            At::Store(start, _) => starts.next() == Some(start),
            _ => false,
        });
        if !are_the_last {
            return None;
        }
        for index in (first..self.slots.len()).rev() {
            self.slots.remove(index);
        }
        Some(reply.tail(&request.pace, keep))
    }

    /// A request that will never be answered, because nobody runs it any more.
    pub(in crate::throttle) fn forget(&mut self, request: &Request, now: Tick) {
        let Source::Cell(cell) = &mut self.source else { return };
        cell.ends(request, now);
    }
}

fn events(learned: &Learned) -> impl Iterator<Item = EventKind> {
    let Learned { went_back, was_lost, uncertain, stricter, held } = *learned;
    let told = [
        went_back.then_some(EventKind::StoreClockWentBack),
        was_lost.then_some(EventKind::StateLost),
        uncertain.map(|spread| EventKind::StoreClockUncertain { spread }),
        stricter.then_some(EventKind::StricterElsewhere),
        held.map(|by| EventKind::Held { by, reason: HoldReason::OtherProcess }),
    ];
    told.into_iter().flatten()
}
