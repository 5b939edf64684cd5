//! A budget, as the callers of one process use it.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use stitchapi_core::{Key, Runtime, Tick};

use super::agent::{self, SpawnOnDrop};
use super::cell_client::CellClient;
use super::concurrency::Places;
use super::declaration::Cost;
use super::pacing::At;
use super::pacing::Pacing;
use super::pacing::Request;
use super::pacing::{Source, State, Verdict, Work, lateness};
use super::queue::{Ticket, Waiter};
use super::settings::{Declared, Settings};
use super::units::Units;
use crate::runtime::{TimeUp, within};
use crate::trace::{EventKind, Trace};
use crate::{Error, ErrorKind, Result};

/// One bucket, as this process sees it.
pub(crate) struct Bucket {
    pub(super) declared: Arc<Declared>,
    /// Its cell in the store, if there is one.
    pub(super) cell: Option<CellClient>,
    /// How many calls it lets be under way at once, if it says.
    places: Option<Arc<Places>>,
    state: Mutex<State>,
}

/// A call may start now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Started {
    /// The reading of the clock that passed the lateness test.
    pub(crate) at: Tick,
    /// How long the call waited for it.
    pub(crate) waited: Duration,
}

/// How long a call may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    /// The end of the whole call.
    pub(crate) deadline: Tick,
    /// The call's own bound on the queue, if it has one.
    pub(crate) at_most: Option<Duration>,
}

impl Bucket {
    pub(super) fn new(declared: Arc<Declared>, key: Option<Key>, places: Option<Key>) -> Arc<Self> {
        let settings = &declared.settings;
        let cell = declared.store.as_ref().zip(key);
        let cell = cell.map(|(store, key)| {
            CellClient::new(store.clone(), key, &settings.limits, settings.guard, declared.trace.clone())
        });
        let source = match &cell {
            Some(cell) => Source::cell(cell.has_local_clock(), settings.max_requests),
            None => Source::Here(Pacing::new(&settings.limits, settings.guard, opens(settings, &*declared.runtime))),
        };
        let places = declared.concurrency.map(|limit| Places::new(declared.clone(), limit, places));
        Arc::new(Self { declared, cell, places, state: Mutex::new(State::new(source)) })
    }

    /// Whether forgetting it changes nothing: nobody waits, nothing is held, no call is under way, and the budget is full.
    pub(super) fn is_idle(&mut self, now: Tick) -> bool {
        self.places.as_mut().is_none_or(|places| Arc::get_mut(places).is_some_and(Places::is_idle))
            && self.state.get_mut().unwrap_or_else(PoisonError::into_inner).is_idle(now)
    }

    /// The places of its concurrency limit, if it has one.
    pub(crate) fn places(&self) -> Option<&Arc<Places>> {
        self.places.as_ref()
    }

    /// What a cost is in the units of this bucket's limits; `None` if it draws on none of them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] for a cost above what a cap lets start at once.
    #[inline]
    pub(crate) fn units(&self, cost: &Cost) -> Result<Option<Cow<'_, Units>>> {
        if cost.is_one_call() {
            let Settings { one_call, one_call_draws, .. } = self.settings();
            return Ok(one_call_draws.then_some(Cow::Borrowed(one_call)));
        }
        self.odd_units(cost)
    }

    fn odd_units(&self, cost: &Cost) -> Result<Option<Cow<'_, Units>>> {
        let units = cost.on(&self.settings().limits);
        let shortest = self.settings().limits.iter().map(|limit| limit.id.period()).min();
        let caps = self.settings().limits.iter().zip(&*units).filter(|(limit, _)| Some(limit.id.period()) != shortest);
        for (limit, units) in caps {
            if *units > limit.burst {
                return Err(Error::input(format!(
                    "a cost of {units} {}, where at most {} may start at once",
                    limit.id.unit(),
                    limit.burst
                )));
            }
        }
        if units == *self.plain() {
            return Ok(Some(Cow::Borrowed(self.plain())));
        }
        if units.iter().all(|units| *units == 0) {
            return Ok(None);
        }
        if self.cell.as_ref().is_some_and(CellClient::is_counting) {
            return Err(Error::input("a cost other than one call, in a store that can only count"));
        }
        Ok(Some(Cow::Owned(units)))
    }

    /// One plain call, in units.
    pub(crate) fn plain(&self) -> &Units {
        &self.settings().one_call
    }

    /// Starts a call at once, if there is no store, nobody waits and the budget has room. Touches nothing but one lock.
    #[inline]
    pub(crate) fn start_at_once(&self, units: &Units) -> Option<Started> {
        if self.cell.is_some() {
            return None;
        }
        let now = self.runtime().now();
        let mut state = self.state();
        let State { queue, source: Source::Here(pacing), .. } = &mut *state else { return None };
        let starts = queue.len() == 0 && pacing.start(units, now);
        starts.then_some(Started { at: now, waited: Duration::ZERO })
    }

    /// Starts a call [at once](Self::start_at_once) if it may, else [in turn](Self::start_in_turn), with the same errors.
    pub(crate) async fn start(
        self: &Arc<Self>,
        units: &Units,
        flow: u64,
        wait: Wait,
        trace: &Trace,
    ) -> Result<Started> {
        match self.start_at_once(units) {
            Some(started) => Ok(started),
            None => self.start_in_turn(units, flow, wait, trace).await,
        }
    }

    /// Waits until one call may start that could not [at once](Self::start_at_once); callers of one `flow` are served in
    /// order, flows in turn.
    ///
    /// A slot whose time has passed by more than the guard when the call wakes, or whose cell was lost meanwhile, is
    /// given up for another one. Dropped while waiting: nothing happened, the place passes on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Throttled`] if no slot comes in time, [`ErrorKind::Timeout`] at the deadline, [`ErrorKind::Store`] if the
    /// store fails and the policy is that.
    pub(crate) async fn start_in_turn(
        self: &Arc<Self>,
        units: &Units,
        flow: u64,
        wait: Wait,
        trace: &Trace,
    ) -> Result<Started> {
        let mut waiting = self.join(units, flow, wait, trace)?;
        if !waiting.is_driven {
            // Boxed, so that the future of one who has company is small.
            let led = Box::pin(within(&**self.runtime(), wait.deadline, self.lead(&mut waiting))).await;
            if let Some(started) = led.map_err(|TimeUp| too_late())? {
                return started;
            }
            agent::ensure_running(self);
            waiting.is_driven = true;
        }
        waiting.await
    }

    /// Takes a place in the queue, unless it is clear already that its turn will not come in time.
    fn join<'b>(self: &'b Arc<Self>, units: &Units, flow: u64, wait: Wait, trace: &'b Trace) -> Result<Waiting<'b>> {
        let now = self.runtime().now();
        let bounds = [self.declared.max_wait, wait.at_most].into_iter().flatten();
        let latest = bounds.map(|most| now + most).fold(wait.deadline, Tick::min);
        let mut state = self.state();
        let estimate = if state.queue.len() > 0 || matches!(state.source, Source::Here(_)) {
            state.estimate(self.settings(), units, now)
        } else {
            None
        };
        let no_room = self.declared.max_queue.is_some_and(|most| state.queue.len() >= most);
        if no_room || estimate.is_some_and(|estimate| estimate > latest) {
            let after = estimate.map_or(Duration::ZERO, |estimate| estimate.since(if no_room { now } else { latest }));
            return Err(refused(after));
        }
        let is_plain = self.settings().is_one_call(units);
        let waiter =
            Waiter { units: units.clone(), is_plain, arrived: now, latest, deadline: wait.deadline, waker: None };
        let ended_at = state.queue.ends_at();
        let ticket = state.queue.join(flow, waiter);
        // As many requests as may be are under way: then it only matters whose patience ends first.
        let is_no_news = state.is_filled() && ended_at <= state.queue.ends_at();
        let agent = if is_no_news { None } else { state.agent.notify() };
        // While this caller waits the agent does not stop.
        let is_driven = state.agent.is_running();
        drop(state);
        agent.into_iter().for_each(Waker::wake);
        Ok(Waiting { bucket: self, ticket, asked: now, is_done: false, is_driven, trace })
    }

    /// Makes the requests of a caller without company; what has come of its wait by then.
    async fn lead(self: &Arc<Self>, waiting: &mut Waiting<'_>) -> Option<Result<Started>> {
        while let Some(request) = self.next_request() {
            match select(self.fetch_detached(request), &mut *waiting).await {
                Either::Left(_) => {
                    if let Some(started) = (&mut *waiting).now_or_never() {
                        return Some(started);
                    }
                }
                Either::Right((started, _)) => return Some(started),
            }
        }
        None
    }

    /// Sends a request that continues if its caller leaves: it may have booked.
    fn fetch_detached(self: &Arc<Self>, request: Request) -> SpawnOnDrop {
        SpawnOnDrop::new(self.runtime().clone(), Box::pin(self.clone().fetch(request)))
    }

    /// The next request of a caller without company, unless there is nothing to ask or it has company now.
    fn next_request(&self) -> Option<Request> {
        let mut state = self.state();
        let is_alone = matches!(&state.source, Source::Cell(cell) if cell.is_quiet()) && !state.agent.is_running();
        if !is_alone {
            return None;
        }
        let (now, random) = (self.runtime().now(), self.runtime().random());
        let mut work = state.turn(self.settings(), now, random);
        drop(state);
        let request = work.requests.pop();
        self.apply(work);
        request
    }

    /// Sends everybody away who waits.
    pub(super) fn refuse_all(&self) {
        let wakers = self.state().refuse_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Corrects what a call was charged to what it has cost.
    pub(crate) async fn settle(&self, charged: &Units, actual: &Cost) {
        let actual = actual.on(&self.settings().limits);
        let deltas = actual.iter().zip(&**charged).map(|(actual, charged)| i64::from(*actual) - i64::from(*charged));
        for (index, delta) in deltas.enumerate().filter(|(_, delta)| *delta != 0) {
            let now = self.runtime().now();
            match &mut self.state().source {
                Source::Here(pacing) => {
                    pacing.settle(index, delta, now);
                    continue;
                }
                Source::Cell(cell) => match &mut cell.outage {
                    // What was drawn alone is corrected alone; in the store it would look as if somebody used the cell.
                    Some(outage) => {
                        outage.pacing.settle(index, delta, now);
                        continue;
                    }
                    None => cell.known.settle(index, delta, now),
                },
            }
            self.settle_in_store(index, delta).await;
        }
        let agent = self.state().agent.notify();
        agent.into_iter().for_each(Waker::wake);
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.declared.settings
    }
    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.declared.runtime
    }
    pub(crate) fn trace(&self) -> &Trace {
        &self.declared.trace
    }
    #[inline]
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a bucket of this process alone lets the first call start.
fn opens(settings: &Settings, runtime: &dyn Runtime) -> Tick {
    if settings.fresh_start.is_zero() { Tick(0) } else { runtime.now() + settings.fresh_start }
}

fn refused(after: Duration) -> Error {
    Error::new(ErrorKind::Throttled, "the throttle has no slot in time").with_retry_after(Some(after))
}

fn too_late() -> Error {
    Error::new(ErrorKind::Timeout, "no slot of the throttle before the deadline")
}

/// A place in the queue.
struct Waiting<'b> {
    bucket: &'b Arc<Bucket>,
    ticket: Ticket,
    asked: Tick,
    /// Whether it has got what it came for, and left the queue.
    is_done: bool,
    /// Whether an agent is to run: a caller that leads its own request needs none.
    is_driven: bool,
    trace: &'b Trace,
}

impl Waiting<'_> {
    /// What has become of it, if anything.
    fn look(&mut self, waker: &Waker) -> Poll<Result<Started>> {
        let bucket = self.bucket;
        let mut state = bucket.state();
        let Some((served, verdict)) = state.queue.poll(self.ticket, waker) else {
            let orphaned = self.is_driven && !state.agent.is_running();
            drop(state);
            if orphaned {
                agent::ensure_running(bucket);
            }
            return Poll::Pending;
        };
        self.is_done = true;
        let slot = match verdict {
            Verdict::Slot(slot) => slot,
            Verdict::Refused(after) => return Poll::Ready(Err(refused(after))),
            Verdict::TooLate => return Poll::Ready(Err(too_late())),
            Verdict::Failed(error) => return Poll::Ready(Err(error.into())),
            Verdict::Closed => return Poll::Ready(Err(Error::shut_down())),
        };
        // Read under the lock: what has become void is known before the test.
        let now = bucket.runtime().now();
        let is_void = match (&state.source, slot.at) {
            (Source::Cell(cell), At::Store(start, stamp)) => cell.known.is_void(start, stamp),
            _ => false,
        };
        let late = lateness(&state.source, &slot, now, bucket.settings().guard);
        if !is_void && late.is_none() {
            drop(state);
            return Poll::Ready(Ok(Started { at: now, waited: now.since(self.asked) }));
        }
        // Its slot is lost; its place is not.
        self.is_done = false;
        self.ticket = state.queue.take_back(served);
        let _ = state.queue.poll(self.ticket, waker);
        let agent = state.agent.notify();
        let orphaned = self.is_driven && !state.agent.is_running();
        drop(state);
        self.trace.emit(
            late.filter(|_| !is_void).map_or(EventKind::SlotsVoided { slots: 1 }, |by| EventKind::SlotMissed { by }),
        );
        agent.into_iter().for_each(Waker::wake);
        if orphaned {
            agent::ensure_running(bucket);
        }
        Poll::Pending
    }
}

impl Future for Waiting<'_> {
    type Output = Result<Started>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.look(context.waker())
    }
}

/// Passes the place on, and the slot that came too late for this caller.
impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let now = self.bucket.runtime().now();
        let mut work = Work::default();
        let agent = {
            let mut state = self.bucket.state();
            if let Some(Verdict::Slot(slot)) = state.queue.leave(self.ticket) {
                state.slots.put(slot);
                state.serve(self.bucket.settings(), now, &mut work);
            }
            state.agent.notify()
        };
        self.bucket.apply(work);
        agent.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("settings", self.settings()).finish_non_exhaustive()
    }
}
