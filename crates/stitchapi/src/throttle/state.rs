//! What a bucket is at a moment, and what can be done about it now: no I/O, no waiting.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use stitchapi_core::pace::{Back, Booking, Costs, Limit, Pace, Reservation};
use stitchapi_core::{StoreError, StoreTime, Tick};

use super::cost::Units;
use super::known::{Known, Learned};
use super::outage::{Outage, OutagePolicy};
use super::pacing::{Pacing, Turn};
use super::queue::{Queue, Ticket, Waiter};
use super::slots::{At, Slot, Slots};
use crate::trace::EventKind;

/// So many requests to the store are under way at once: while one travels the next one is filled.
const AT_ONCE: usize = 2;
/// A process that holds bookings further ahead than this talks to the store at least this often.
const TOUCH_EVERY: Duration = Duration::from_millis(100);
/// When everybody waits anyway, a request is put off by an eighth of that wait, at most by this, so that it books for more.
const LINGER: Duration = Duration::from_millis(80);
/// Waits shorter than this are not worth lingering.
const SHORT: Duration = Duration::from_millis(2);
/// After so long without a turn a process was stopped or suspended, and confirms what it holds before it uses it.
const SUSPENDED: Duration = Duration::from_secs(1);

/// What a bucket is declared as.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) limits: Vec<Limit>,
    /// One plain call.
    pub(super) plain: Units,
    pub(super) guard: Duration,
    pub(super) fresh_start: Duration,
    pub(super) max_hold: Duration,
    /// So many unstarted slots a process may hold.
    pub(super) most_held: usize,
    pub(super) policy: OutagePolicy,
    pub(super) fleet_size: Option<u32>,
    /// The longest that an operation of the store takes.
    pub(super) timeout: Duration,
}

/// What one who waited is told.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It may start on this, now.
    Slot(Slot),
    /// No slot in time; one could come so long after that.
    Refused(Duration),
    /// The store is away.
    Failed(Arc<StoreError>),
}

/// A bucket at a moment.
#[derive(Debug)]
pub(super) struct State {
    pub(super) queue: Queue<Verdict>,
    pub(super) slots: Slots,
    pub(super) source: Source,
    /// Whether the task that serves the queue is there, and how it is woken.
    pub(super) is_driven: bool,
    driver: Option<Waker>,
    nudged: bool,
    last_turn: Tick,
}

/// Where slots come from.
#[derive(Debug)]
pub(super) enum Source {
    /// This process alone: there is no store.
    Here(Pacing),
    /// A cell of a store.
    Cell(Box<CellSource>),
}

/// A cell of a store, as this process deals with it.
#[derive(Debug)]
pub(super) struct CellSource {
    pub(super) known: Known,
    in_flight: Vec<(u64, Vec<Units>)>,
    requests: u64,
    last_sent: Tick,
    /// Since when somebody waits for whom nothing is booked.
    wanted_since: Option<Tick>,
    /// The process was suspended: nothing is used before a reply has come.
    must_confirm: bool,
    pub(super) outage: Option<Outage>,
}

/// A request to the store.
#[derive(Debug)]
pub(super) struct Request {
    number: u64,
    pub(super) pace: Pace,
    units: Vec<Units>,
    voided: u64,
    pub(super) sent: Tick,
    is_probe: bool,
}

/// What there is to do after a turn.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) wakers: Vec<Waker>,
    pub(super) events: Vec<EventKind>,
    pub(super) request: Option<Request>,
    /// When to take the next turn, if nothing happens before.
    pub(super) look_again: Option<Tick>,
}

impl Work {
    fn look_at(&mut self, at: Tick) {
        self.look_again = Some(self.look_again.map_or(at, |other| other.min(at)));
    }
}

impl State {
    pub(super) fn new(source: Source) -> Self {
        Self {
            queue: Queue::new(),
            slots: Slots::default(),
            source,
            is_driven: false,
            driver: None,
            nudged: false,
            last_turn: Tick(0),
        }
    }

    /// Serves whom it can, and says what to ask the store. `random` is 64 random bits.
    pub(super) fn turn(&mut self, settings: &Settings, now: Tick, random: u64) -> Work {
        let mut work = Work::default();
        self.nudged = false;
        let somebody_waits = self.queue.len() > 0;
        self.serve(settings, now, &mut work);
        // Even one who is served without the store sees to it that the store is looked for.
        if somebody_waits {
            self.plan(settings, now, random, &mut work);
        }
        work
    }

    /// Gives slots whose time has come to those who are next.
    pub(super) fn serve(&mut self, settings: &Settings, now: Tick, work: &mut Work) {
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
                match settings.policy {
                    OutagePolicy::Local => serve_paced(&mut self.queue, &mut outage.pacing, now, work),
                    OutagePolicy::Open => {
                        let free = || {
                            let units = settings.plain.clone();
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
                work.look_at(slot.due);
                break;
            }
            if let Some(by) = lateness(&self.source, slot, now, settings.guard) {
                self.slots.remove(index);
                if self.queue.len() > 0 {
                    work.events.push(EventKind::Late { by });
                }
                continue;
            }
            let covers = |waiter: &Waiter| waiter.units.iter().zip(&*slot.units).all(|(wants, has)| wants <= has);
            match self.queue.next(covers).map(|(ticket, _)| ticket) {
                Some(ticket) => {
                    let Some(slot) = self.slots.remove(index) else { break };
                    work.wakers.extend(self.queue.settle(ticket, Verdict::Slot(slot)));
                }
                None => index += 1,
            }
        }
    }

    /// What to ask the store, and when.
    fn plan(&mut self, settings: &Settings, now: Tick, random: u64, work: &mut Work) {
        let wanted = self.wanted(settings);
        let held_until = self.slots.last().map(|slot| slot.due);
        let Source::Cell(cell) = &mut self.source else { return };
        if let Some(outage) = &mut cell.outage {
            if !outage.is_over(now) {
                if outage.wants_probe(now) {
                    outage.probes();
                    let back = Back { stay: super::outage::PROBE_EVERY + settings.timeout, pause: outage.pause };
                    let one = wanted.into_iter().take(1).collect();
                    work.request = Some(cell.request(settings, one, &self.queue, Some(back), now, random));
                } else {
                    outage.next_look().into_iter().for_each(|at| work.look_at(at));
                }
                return;
            }
            work.events.push(EventKind::OutageEnded { lasted: now.since(outage.began) });
            cell.outage = None;
        }
        if cell.in_flight.len() >= AT_ONCE {
            return;
        }
        if cell.known.learned().is_none() || cell.must_confirm {
            // Without knowing the store's clock nobody could tell what is late.
            if cell.in_flight.is_empty() {
                work.request = Some(cell.request(settings, Vec::new(), &self.queue, None, now, random));
            }
            return;
        }
        // An answer that is on its way is a touch, too.
        let touches = cell.in_flight.is_empty() && held_until.is_some_and(|held| held > now + TOUCH_EVERY);
        let touch_at = cell.last_sent + TOUCH_EVERY.saturating_sub(cell.known.usual_trip());
        let ask_at = cell.ask_at(&wanted, now);
        if ask_at.is_some_and(|at| at <= now) || touches && touch_at <= now {
            work.request = Some(cell.request(settings, wanted, &self.queue, None, now, random));
            return;
        }
        ask_at.into_iter().chain(touches.then_some(touch_at)).for_each(|at| work.look_at(at));
    }

    /// What those cost for whom nothing is booked, as far as this process may hold more.
    fn wanted(&self, settings: &Settings) -> Vec<Units> {
        let Source::Cell(cell) = &self.source else { return Vec::new() };
        let asked = cell.in_flight.iter().flat_map(|(_, units)| units);
        let outstanding = self.slots.len() + asked.clone().count();
        let room = settings.most_held.saturating_sub(outstanding);
        if room == 0 {
            return Vec::new();
        }
        if self.queue.is_plain() && self.slots.is_plain() && asked.clone().all(|units| *units == settings.plain) {
            let uncovered = self.queue.len().saturating_sub(outstanding);
            return vec![settings.plain.clone(); uncovered.min(room)];
        }
        let mut covered: BTreeMap<&[u32], usize> = BTreeMap::new();
        for units in self.slots.iter().map(|slot| &slot.units).chain(asked) {
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

    /// When a caller of this cost that comes now could start, as far as is known.
    pub(super) fn estimate(&self, settings: &Settings, units: &[u32], now: Tick) -> Option<Tick> {
        let waiting = self.queue.units();
        match &self.source {
            Source::Here(pacing) => Some(pacing.due_behind(waiting, units, now)),
            Source::Cell(cell) => {
                let Some(outage) = &cell.outage else {
                    let mut before = waiting.to_vec();
                    let asked = cell.in_flight.iter().flat_map(|(_, units)| units);
                    for booked in self.slots.iter().map(|slot| &slot.units).chain(asked) {
                        before
                            .iter_mut()
                            .zip(&**booked)
                            .for_each(|(sum, units)| *sum = sum.saturating_sub((*units).into()));
                    }
                    return cell.known.due_behind(&before, units, now);
                };
                (settings.policy == OutagePolicy::Local).then(|| outage.pacing.due_behind(waiting, units, now))
            }
        }
    }

    /// Takes in the answer to `request`, or its failure.
    pub(super) fn take_in(
        &mut self,
        settings: &Settings,
        request: &Request,
        answer: Result<Reservation, Arc<StoreError>>,
        now: Tick,
        work: &mut Work,
    ) -> Option<usize> {
        let Source::Cell(cell) = &mut self.source else { return None };
        cell.in_flight.retain(|(number, _)| *number != request.number);
        if let Some(outage) = cell.outage.as_mut().filter(|_| request.is_probe) {
            outage.probed(now);
        }
        let reply = match answer {
            Ok(reply) => reply,
            Err(error) => {
                work.events.push(EventKind::StoreFailed { operation: error.operation(), kind: error.kind() });
                cell.fail(settings, request, error, now, work);
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
        if let Some(outage) = cell.outage.as_mut().filter(|_| request.is_probe) {
            if reply.cell.local_end > reply.now {
                outage.stay_until(cell.known.local(reply.cell.local_end, now));
            } else {
                work.events.push(EventKind::OutageEnded { lasted: now.since(outage.began) });
                cell.outage = None;
            }
        }
        let known = &cell.known;
        for ((start, stamp), units) in booked.into_iter().zip(&request.units) {
            let is_plain = Arc::ptr_eq(units, &settings.plain);
            let due = known.local(start, now);
            self.slots.put(Slot { at: At::Store(start, stamp), units: units.clone(), is_plain, due });
        }
        self.slots.refresh(|start| known.local(start, now));
        self.drop_void(work);
        let Source::Cell(cell) = &self.source else { return None };
        let known = &cell.known;
        // To one who comes back nothing was granted: that does not say that the others cannot wait.
        let next = reply.next_start(&request.pace).filter(|_| cell.outage.is_none());
        let next = next.map(|start| known.local(start, now));
        self.refuse_the_impatient(request, next, now, work)
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
            let covers = |slot: &&Slot| waiter.units.iter().zip(&*slot.units).all(|(wants, has)| wants <= has);
            match free.iter().rposition(covers) {
                // The trip to the store is not a wait in the queue, but the call's deadline is the end.
                Some(index)
                    if free[index].due < (waiter.latest + trip).min(waiter.deadline) || free[index].due <= now =>
                {
                    free.remove(index);
                }
                Some(index) => refused.push((ticket, free[index].due.since(waiter.latest))),
                None => match next {
                    // A request that came too late for its `expires` booked nothing for anybody: that refuses nobody.
                    Some(next) if waiter.latest <= request.sent + request.pace.horizon && waiter.latest < next => {
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

    /// Whether forgetting it changes nothing.
    pub(super) fn is_idle(&self, now: Tick) -> bool {
        let is_full = match &self.source {
            Source::Here(pacing) => pacing.is_full(now),
            Source::Cell(cell) => cell.in_flight.is_empty() && cell.outage.is_none() && cell.known.is_over(now),
        };
        is_full && self.queue.is_deserted() && self.slots.len() == 0 && !self.is_driven
    }

    /// Something has changed that the driver should look at: its waker, if it sleeps.
    pub(super) fn nudge(&mut self) -> Option<Waker> {
        self.nudged = true;
        self.driver.take()
    }

    /// Whether something has changed since the last turn; if not, `waker` is kept for when it does.
    pub(super) fn is_nudged(&mut self, waker: &Waker) -> bool {
        if !self.nudged {
            self.driver = Some(waker.clone());
        }
        self.nudged
    }

    /// Nobody serves the queue any more.
    pub(super) fn is_left(&mut self) {
        self.is_driven = false;
        self.driver = None;
    }

    /// Whether one more waiter changes nothing now: as many requests are under way as may be.
    pub(super) fn is_filled(&self) -> bool {
        matches!(&self.source, Source::Cell(cell) if cell.in_flight.len() >= AT_ONCE)
    }

    /// Whether something is booked, or asked for, for this waiter.
    pub(super) fn is_covered(&self, ticket: Ticket) -> bool {
        let Source::Cell(cell) = &self.source else { return false };
        let outstanding = self.slots.len() + cell.in_flight.iter().map(|(_, units)| units.len()).sum::<usize>();
        self.queue.in_order().take(outstanding).any(|(other, _)| other == ticket)
    }

    /// Lets nobody start before `until`; what to tell the store, if there is one.
    pub(super) fn hold(&mut self, until: Tick, now: Tick, work: &mut Work) -> Option<StoreTime> {
        work.events.push(EventKind::Held { by: until.since(now) });
        match &mut self.source {
            Source::Here(pacing) => {
                pacing.hold(until);
                None
            }
            Source::Cell(cell) => {
                if let Some(outage) = &mut cell.outage {
                    outage.pacing.hold(until);
                }
                let (_, until) = cell.known.store_time(until, now)?;
                cell.known.hold_until(until);
                self.drop_void(work);
                Some(until)
            }
        }
    }

    fn drop_void(&mut self, work: &mut Work) {
        let Source::Cell(cell) = &self.source else { return };
        let is_void = |slot: &Slot| matches!(slot.at, At::Store(start, stamp) if cell.known.is_void(start, stamp));
        let slots = self.slots.drop_void(is_void);
        if slots > 0 {
            work.events.push(EventKind::Voided { slots });
        }
    }

    /// Takes back the last `left_over` slots, if they are the last of this reply: they can be refunded.
    pub(super) fn give_back(&mut self, request: &Request, reply: &Reservation, left_over: usize) -> Option<Booking> {
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
    pub(super) fn forget(&mut self, request: &Request, now: Tick) {
        let Source::Cell(cell) = &mut self.source else { return };
        cell.in_flight.retain(|(number, _)| *number != request.number);
        if let Some(outage) = cell.outage.as_mut().filter(|_| request.is_probe) {
            outage.probed(now);
        }
    }
}

impl CellSource {
    pub(super) fn new(known: Known) -> Box<Self> {
        Box::new(Self {
            known,
            in_flight: Vec::new(),
            requests: 0,
            last_sent: Tick(0),
            wanted_since: None,
            must_confirm: false,
            outage: None,
        })
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// When to ask for what is wanted: at once, or a little later if all wait anyway.
    fn ask_at(&mut self, wanted: &[Units], now: Tick) -> Option<Tick> {
        let Some(first) = wanted.first() else {
            self.wanted_since = None;
            return None;
        };
        let since = *self.wanted_since.get_or_insert(now);
        let ahead = self.known.due_behind(&[], first, now).map_or(Duration::ZERO, |due| due.since(now));
        Some(if ahead > SHORT { since + (ahead / 8).min(LINGER) } else { since })
    }

    fn request(
        &mut self,
        settings: &Settings,
        units: Vec<Units>,
        queue: &Queue<Verdict>,
        back: Option<Back>,
        now: Tick,
        random: u64,
    ) -> Request {
        let mut pace = Pace::new(settings.limits.clone(), settings.guard, random);
        pace.calls = units.iter().map(|units| Costs(units.to_vec())).collect();
        pace.fresh_start = settings.fresh_start;
        pace.max_hold = settings.max_hold;
        pace.back = back;
        self.known.remember(&mut pace);
        let latest = queue.in_order().map(|(_, waiter)| waiter.latest).max();
        pace.horizon = latest.map_or(Duration::ZERO, |latest| latest.since(now));
        // A store that was frozen books nothing for those who have given up.
        pace.expires = self.known.store_time(now + settings.timeout, now).map(|(earliest, _)| earliest);
        let is_probe = back.is_some();
        self.requests += 1;
        self.last_sent = now;
        self.wanted_since = None;
        self.in_flight.push((self.requests, units.clone()));
        let voided = self.known.voided();
        Request { number: self.requests, pace, units, voided, sent: now, is_probe }
    }

    fn fail(&mut self, settings: &Settings, request: &Request, error: Arc<StoreError>, now: Tick, work: &mut Work) {
        match &mut self.outage {
            Some(outage) => outage.error = error,
            None => {
                let fleet_size = settings.fleet_size.unwrap_or(super::outage::FLEET_SIZE);
                let outage = Outage::new(&settings.limits, settings.guard, fleet_size, request.sent, now, error);
                work.events.push(EventKind::OutageBegan { policy: settings.policy, fleet_size });
                self.outage = Some(outage);
            }
        }
    }
}

/// Draws for those who wait, in order, as long as the next one may start now.
fn serve_paced(queue: &mut Queue<Verdict>, pacing: &mut Pacing, now: Tick, work: &mut Work) {
    while let Some((ticket, waiter)) = queue.next(|_| true) {
        match pacing.turn(&waiter.units, waiter.arrived, now) {
            Turn::At(at) => {
                work.look_at(at);
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
pub(super) fn lateness(source: &Source, slot: &Slot, now: Tick, guard: Duration) -> Option<Duration> {
    match (slot.at, source) {
        (At::Store(start, _), Source::Cell(cell)) => cell.known.lateness(slot, start, now, guard),
        (At::Unpaced, _) => None,
        _ => (now >= slot.due + guard).then(|| now.since(slot.due)),
    }
}

fn events(learned: &Learned) -> impl Iterator<Item = EventKind> {
    let Learned { went_back, was_lost, uncertain, stricter, held } = *learned;
    let told = [
        went_back.then_some(EventKind::StoreClockWentBack),
        was_lost.then_some(EventKind::StateLost),
        uncertain.map(|spread| EventKind::StoreClockUncertain { spread }),
        stricter.then_some(EventKind::StricterElsewhere),
        held.map(|by| EventKind::Held { by }),
    ];
    told.into_iter().flatten()
}
