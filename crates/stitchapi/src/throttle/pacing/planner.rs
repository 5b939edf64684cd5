//! What a bucket is at a moment, and what can be done about it now: no I/O, no waiting.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use stitchapi_core::pace::Rejoin;
use stitchapi_core::{StoreError, StoreTime, Tick};

use super::cell_source::{CellSource, Request};
use super::cell_view::Known;
use super::in_process::{Pacing, Turn};
use super::outage::PROBE_EVERY;
use super::slots::{At, Slot, Slots};
use crate::outage::OutagePolicy;
use crate::throttle::agent::{AgentWaker, Effects};
use crate::throttle::cooldown::BackOff;
use crate::throttle::queue::Queue;
use crate::throttle::settings::Settings;
use crate::throttle::units::Total;
use crate::throttle::units::Units;
use crate::trace::{EventKind, HoldReason};

/// A process that holds bookings talks to the store at least this often: nothing starts on what it heard longer ago.
pub(in crate::throttle) const TOUCH_EVERY: Duration = Duration::from_millis(100);
/// After so long without a turn a process was stopped or suspended, and confirms what it holds before it uses it.
const SUSPENDED: Duration = Duration::from_secs(1);

/// Beside a request that is under way another one is only made for so many times as many callers: fewer go with the next
/// one, a part of a trip later, and the store is asked half as often.
const MORE: usize = 2;

/// What one who waited is told.
#[derive(Debug)]
pub(in crate::throttle) enum Verdict {
    /// It may start on this, now.
    Slot(Slot),
    /// No slot in time; one could come so long after that.
    Refused(Duration),
    /// Its call is at its end.
    TooLate,
    /// The store is away.
    Failed(Arc<StoreError>),
    /// Nobody starts any more.
    Closed,
}

/// A bucket at a moment.
#[derive(Debug)]
pub(in crate::throttle) struct State {
    pub(in crate::throttle) queue: Queue<Verdict>,
    pub(in crate::throttle) slots: Slots,
    pub(in crate::throttle) source: Source,
    /// How long to hold after a refusal that says no time.
    pub(in crate::throttle) back_off: BackOff,
    /// The task that serves the queue.
    pub(in crate::throttle) agent: AgentWaker,
    last_turn: Tick,
}

/// Where slots come from.
#[derive(Debug)]
pub(in crate::throttle) enum Source {
    /// This process alone: there is no store.
    Here(Pacing),
    /// A cell of a store.
    Cell(Box<CellSource>),
}

impl Source {
    /// A cell of which nothing is known yet. `is_one` where the store's clock is this process' own.
    pub(in crate::throttle) fn cell(is_one: bool, at_once: usize) -> Self {
        Self::Cell(CellSource::new(Known::new(is_one), at_once))
    }
}

/// What to do after a change of the state.
pub(in crate::throttle) type Work = Effects<Request>;

impl State {
    pub(in crate::throttle) fn new(source: Source) -> Self {
        Self {
            queue: Queue::new(),
            slots: Slots::default(),
            source,
            back_off: BackOff::new(),
            agent: AgentWaker::default(),
            last_turn: Tick(0),
        }
    }

    /// Serves whom it can, and says what to ask the store. `random` is 64 random bits.
    pub(in crate::throttle) fn turn(&mut self, settings: &Settings, now: Tick, random: u64) -> Work {
        let mut work = Work::default();
        self.agent.begin_turn();
        let somebody_waits = self.queue.len() > 0;
        self.serve(settings, now, &mut work);
        self.dismiss(settings, now, &mut work);
        // Even one who is served without the store sees to it that the store is looked for.
        if somebody_waits {
            self.plan(settings, now, random, &mut work);
        }
        work
    }

    /// Gives slots whose time has come to those who are next.
    pub(in crate::throttle) fn serve(&mut self, settings: &Settings, now: Tick, work: &mut Work) {
        let suspended = now.since(self.last_turn) > SUSPENDED && self.last_turn > Tick(0);
        self.last_turn = now;
        if let Source::Cell(cell) = &mut self.source {
            let unconfirmed = cell.known.confirmed().is_none_or(|confirmed| now.since(confirmed) > SUSPENDED);
            cell.must_confirm |= suspended && unconfirmed && self.slots.len() > 0;
            if cell.must_confirm {
                return;
            }
        }
        self.serve_slots(settings, now, work);
        match &mut self.source {
            Source::Here(pacing) => serve_paced(&mut self.queue, pacing, now, work),
            Source::Cell(cell) => {
                let Some(outage) = cell.outage.as_mut().filter(|outage| outage.is_fresh(now)) else { return };
                match settings.outage_policy {
                    OutagePolicy::Local => serve_paced(&mut self.queue, &mut outage.pacing, now, work),
                    OutagePolicy::Open => {
                        let free = || {
                            let units = settings.one_call.clone();
                            Verdict::Slot(Slot { at: At::Unpaced, units, is_plain: true, due: now })
                        };
                        work.wakers.extend(self.queue.settle_all(free));
                    }
                    OutagePolicy::Closed => {
                        work.wakers.extend(self.queue.settle_all(|| Verdict::Failed(outage.error.clone())));
                    }
                }
            }
        }
    }

    fn serve_slots(&mut self, settings: &Settings, now: Tick, work: &mut Work) {
        let mut index = 0;
        while let Some(slot) = self.slots.get(index) {
            if slot.due > now {
                work.turn_at(slot.due);
                break;
            }
            if let Some(by) = lateness(&self.source, slot, now, settings.guard) {
                self.slots.remove(index);
                if self.queue.len() > 0 {
                    work.events.push(EventKind::SlotMissed { by });
                }
                continue;
            }
            match self.queue.next(|waiter| slot.covers(waiter)).map(|(ticket, _)| ticket) {
                Some(ticket) => {
                    let Some(slot) = self.slots.remove(index) else { break };
                    work.wakers.extend(self.queue.settle(ticket, Verdict::Slot(slot)));
                }
                None => index += 1,
            }
        }
    }

    /// Tells those whose time is over: that for waiting, unless something is booked for them, or all of it.
    fn dismiss(&mut self, settings: &Settings, now: Tick, work: &mut Work) {
        if self.queue.ends_at() <= now {
            let outstanding = self.outstanding();
            let waiting = self.queue.in_order().enumerate();
            let over = waiting
                .filter(|(index, (_, waiter))| waiter.deadline <= now || waiter.latest < now && *index >= outstanding);
            let over: Vec<_> =
                over.map(|(_, (ticket, waiter))| (ticket, waiter.deadline, waiter.units.clone())).collect();
            for (ticket, deadline, units) in over {
                let after = self.estimate(settings, &units, now).map_or(Duration::ZERO, |estimate| estimate.since(now));
                let verdict = if deadline <= now { Verdict::TooLate } else { Verdict::Refused(after) };
                work.wakers.extend(self.queue.settle(ticket, verdict));
            }
            self.queue.find_end(now);
        }
        if self.queue.len() > 0 {
            work.turn_at(self.queue.ends_at());
        }
    }

    /// What to ask the store, and when.
    fn plan(&mut self, settings: &Settings, now: Tick, random: u64, work: &mut Work) {
        let wanted = self.wanted(settings);
        let horizon = self.patience_of(&wanted, now);
        let held_until = self.slots.last().map(|slot| slot.due);
        let Source::Cell(cell) = &mut self.source else { return };
        if let Some(outage) = &mut cell.outage {
            if !outage.is_over(now) {
                let holds = held_until.is_some_and(|until| until > now);
                if outage.wants_probe(holds, now) {
                    outage.probes();
                    let rejoin =
                        Rejoin { alone_for: PROBE_EVERY + settings.timeout, pause: outage.pause, since: outage.since };
                    // The first to be answered only looks.
                    let one = wanted.into_iter().take(usize::from(outage.is_found())).collect();
                    work.requests.push(cell.request(settings, one, horizon, Some(rejoin), now, random));
                } else {
                    outage.next_look(holds).into_iter().for_each(|at| work.turn_at(at));
                }
                return;
            }
            work.events.extend(cell.recovers(now));
        }
        if cell.is_filled() {
            return;
        }
        let few = (cell.asked_calls() * MORE).min(settings.max_calls_per_request);
        if !wanted.is_empty() && wanted.len() < few {
            return;
        }
        if cell.known.learned().is_none() || cell.must_confirm {
            // Without knowing the store's clock nobody could tell what is late.
            if cell.is_quiet() {
                work.requests.extend(self.touch(settings, now, random));
            }
            return;
        }
        // An answer that is on its way is a touch, too. No slot is used that was confirmed longer ago than that.
        let touches = cell.is_quiet() && held_until.is_some_and(|until| until > cell.confirmed_until());
        let touch_at = cell.touch_at();
        let ask_at = cell.ask_at(&wanted, now);
        if ask_at.is_some_and(|at| at <= now) || touches && touch_at <= now {
            work.requests.push(cell.request(settings, wanted, horizon, None, now, random));
            return;
        }
        ask_at.into_iter().chain(touches.then_some(touch_at)).for_each(|at| work.turn_at(at));
    }

    /// A request that books nothing, if the store is there and another request may go out.
    pub(in crate::throttle) fn touch(&mut self, settings: &Settings, now: Tick, random: u64) -> Option<Request> {
        let Source::Cell(cell) = &mut self.source else { return None };
        let may = cell.outage.is_none() && !cell.is_filled();
        may.then(|| cell.request(settings, Vec::new(), Duration::ZERO, None, now, random))
    }

    /// What those cost for whom nothing is booked, as far as this process may hold more.
    fn wanted(&self, settings: &Settings) -> Vec<Units> {
        let Source::Cell(cell) = &self.source else { return Vec::new() };
        let outstanding = self.outstanding();
        let room = settings.max_booked.saturating_sub(outstanding).min(settings.max_calls_per_request);
        if room == 0 {
            return Vec::new();
        }
        let mut totals = [self.queue.total(), self.slots.total()].into_iter().chain(cell.asked());
        if totals.all(Total::is_plain) {
            let uncovered = self.queue.len().saturating_sub(outstanding);
            return vec![settings.one_call.clone(); uncovered.min(room)];
        }
        let mut covered: BTreeMap<&[u32], usize> = BTreeMap::new();
        for units in self.slots.iter().map(|slot| &slot.units).chain(cell.asked_units()) {
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

    /// How long the most patient of those waits for whom these are wanted.
    fn patience_of(&self, wanted: &[Units], now: Tick) -> Duration {
        let group = if wanted.is_empty() { 0 } else { self.outstanding() + wanted.len() };
        let latest = self.queue.in_order().take(group).map(|(_, waiter)| waiter.latest).max();
        latest.map_or(Duration::ZERO, |latest| latest.since(now))
    }

    /// When a caller of this cost that comes now could start, as far as is known.
    pub(in crate::throttle) fn estimate(&self, settings: &Settings, units: &[u32], now: Tick) -> Option<Tick> {
        let waiting = (0..units.len()).map(|index| self.queue.total().on(index));
        match &self.source {
            Source::Here(pacing) => Some(pacing.due_behind(waiting, units, now)),
            Source::Cell(cell) => {
                let Some(outage) = &cell.outage else {
                    let booked =
                        |index| self.slots.total().on(index) + cell.asked().map(|total| total.on(index)).sum::<u64>();
                    let before = waiting.enumerate().map(|(index, waiting)| waiting.saturating_sub(booked(index)));
                    return cell.known.due_behind(before, units, now);
                };
                (settings.outage_policy == OutagePolicy::Local).then(|| outage.pacing.due_behind(waiting, units, now))
            }
        }
    }

    /// Whether forgetting it changes nothing.
    pub(in crate::throttle) fn is_idle(&self, now: Tick) -> bool {
        let is_full = match &self.source {
            Source::Here(pacing) => pacing.is_full(now),
            Source::Cell(cell) => cell.is_quiet() && cell.outage.is_none() && cell.known.is_over(now),
        };
        is_full && self.queue.is_deserted() && self.slots.len() == 0 && !self.agent.is_running()
    }

    /// Whether one more waiter changes nothing now: as many requests are under way as may be.
    pub(in crate::throttle) fn is_filled(&self) -> bool {
        matches!(&self.source, Source::Cell(cell) if cell.is_filled())
    }

    /// For how many of those who wait something is booked, or asked for.
    fn outstanding(&self) -> usize {
        let Source::Cell(cell) = &self.source else { return 0 };
        self.slots.len() + cell.asked_calls()
    }

    /// Lets nobody start before `until`; what to tell the store, if it is news to it.
    pub(in crate::throttle) fn hold(
        &mut self,
        until: Tick,
        reason: HoldReason,
        now: Tick,
        work: &mut Work,
    ) -> Option<StoreTime> {
        self.back_off.on_hold(until, now);
        let (is_news, told) = match &mut self.source {
            Source::Here(pacing) => (pacing.hold(until), None),
            Source::Cell(cell) => {
                let alone = cell.outage.as_mut().is_some_and(|outage| outage.pacing.hold(until));
                let told = cell.known.store_time(until, now).map(|(_, until)| until);
                let told = told.filter(|until| cell.known.hold_until(*until));
                (alone || told.is_some(), told)
            }
        };
        if is_news {
            work.events.push(EventKind::Held { by: until.since(now), reason });
            self.drop_void(work);
        }
        told
    }

    /// Sends everybody away who waits.
    pub(in crate::throttle) fn refuse_all(&mut self) -> Vec<Waker> {
        self.queue.settle_all(|| Verdict::Closed)
    }

    pub(in crate::throttle) fn drop_void(&mut self, work: &mut Work) {
        let Source::Cell(cell) = &self.source else { return };
        let is_void = |slot: &Slot| matches!(slot.at, At::Store(start, stamp) if cell.known.is_void(start, stamp));
        let slots = self.slots.drop_void(is_void);
        if slots > 0 {
            work.events.push(EventKind::SlotsVoided { slots });
        }
    }
}

/// Draws for those who wait, in order, as long as the next one may start now.
fn serve_paced(queue: &mut Queue<Verdict>, pacing: &mut Pacing, now: Tick, work: &mut Work) {
    while let Some((ticket, waiter)) = queue.next(|_| true) {
        match pacing.turn(&waiter.units, waiter.arrived, now) {
            Turn::At(at) => {
                work.turn_at(at);
                return;
            }
            Turn::Now(due) => {
                let slot = Slot { at: At::Alone, units: waiter.units.clone(), is_plain: waiter.is_plain, due };
                work.wakers.extend(queue.settle(ticket, Verdict::Slot(slot)));
            }
        }
    }
}

/// By how much a start now would be late; `None` if it is in time.
pub(in crate::throttle) fn lateness(source: &Source, slot: &Slot, now: Tick, guard: Duration) -> Option<Duration> {
    match (slot.at, source) {
        (At::Store(start, _), Source::Cell(cell)) => cell.known.lateness(slot, start, now, guard),
        (At::Unpaced, _) => None,
        _ => (now >= slot.due + guard).then(|| now.since(slot.due)),
    }
}
