//! [`RateLimit`]: the rate limit of one bucket, as the callers of one process use it.
//!
//! It takes the units of a call and the bounds of its wait, and returns a [`Start`] or an error.
//! [`Bucket`](super::bucket::Bucket) owns it. While a request to the store is in flight, callers queue, and the next request
//! books for all of them: round trips per call fall as the load rises. A caller that waits alone sends its requests itself;
//! otherwise the [agent] sends them, confirms the bookings and serves the queue. Every decision is made in
//! `pacing/planner.rs`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use stitchapi_core::pace::{Booking, Reservation};
use stitchapi_core::{Key, Runtime, StoreError, StoreTime, Tick};

use super::agent::{self, AgentWaker, Effects, SpawnOnDrop, WaitQueue};
use super::cell_client::CellClient;
use super::context::ThrottleContext;
use super::declaration::Cost;
use super::fair_queue::{Waiter, WaiterId};
use super::pacing::{Decision, Planner, StoreRequest};
use super::settings::{BucketSettings, WaitBounds};
use super::status::BucketStatus;
use super::units::Units;
use crate::error::{Error, ErrorKind, Result};
use crate::rate_limit_headers::{Cooldown, RateLimitSignal};
use crate::runtime::{TimeUp, within};
use crate::trace::Trace;

/// Permission to start one call now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// The clock reading at which the call was found to be in time for its slot: its start.
    pub(crate) at: Tick,
    /// How long the call waited.
    pub(crate) waited: Duration,
}

/// Rate limit of one bucket.
pub(super) struct RateLimit {
    context: Arc<ThrottleContext>,
    settings: Arc<BucketSettings>,
    /// Client of the bucket's cell, its state in the store; `None` without a store.
    cell: Option<CellClient>,
    state: Mutex<State>,
}

struct State {
    planner: Planner,
    agent: AgentWaker,
}

impl RateLimit {
    /// Returns the rate limit of a bucket. `key` is the key of its cell, if the context has a store.
    pub(super) fn new(context: Arc<ThrottleContext>, settings: Arc<BucketSettings>, key: Option<Key>) -> Arc<Self> {
        let cell = context.store.clone().zip(key).map(|(store, key)| {
            CellClient::new(store, key, &settings.limits, settings.max_lateness, context.trace.clone())
        });
        let planner = match &cell {
            Some(cell) => Planner::on_cell(settings.clone(), cell.has_local_clock()),
            None if settings.initial_delay.is_zero() => Planner::in_process(settings.clone(), Tick(0)),
            None => Planner::in_process(settings.clone(), context.runtime.now() + settings.initial_delay),
        };
        let state = Mutex::new(State { planner, agent: AgentWaker::default() });
        Arc::new(Self { context, settings, cell, state })
    }

    /// Returns `true` if the store can only count.
    pub(super) fn is_counting(&self) -> bool {
        self.cell.as_ref().is_some_and(CellClient::is_counting)
    }

    /// Returns `true` if the rate limit can be discarded and created again later: it has no waiter, no slot and no running
    /// agent, and its budget is full.
    pub(super) fn is_idle(&mut self, now: Tick) -> bool {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        !state.agent.is_running() && state.planner.is_idle(now)
    }

    /// Returns the event stream of the seam.
    pub(super) fn trace(&self) -> &Trace {
        &self.context.trace
    }

    /// Starts a call at once, if there is no store, no caller waits, and the budget allows a start now. Takes one lock.
    #[inline]
    pub(super) fn start_at_once(&self, units: &Units) -> Option<Start> {
        if self.cell.is_some() {
            return None;
        }
        let now = self.runtime().now();
        let starts = self.lock_state().planner.start_at_once(units, now);
        starts.then_some(Start { at: now, waited: Duration::ZERO })
    }

    /// Waits until a call may start that could not start [at once](Self::start_at_once). Callers of one `flow` (the callers of
    /// one user) are served first come, first served; flows are served in turn.
    ///
    /// If the slot of a caller has passed by more than the maximum lateness when the caller wakes, or its booking has become
    /// void, the caller waits for another slot. If the future is dropped while it waits, nothing was charged, and its place
    /// in the queue passes to the next caller.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Throttled`] if no slot is free in time, [`ErrorKind::Timeout`] at the deadline, [`ErrorKind::Store`] if
    /// the store fails and the outage policy is closed, [`ErrorKind::ShutDown`] after a shutdown.
    pub(super) async fn start_in_turn(
        self: &Arc<Self>,
        units: &Units,
        flow: u64,
        bounds: WaitBounds,
        trace: &Trace,
    ) -> Result<Start> {
        let mut waiting = self.join(units, flow, bounds, trace)?;
        if !waiting.needs_agent {
            // Boxed, so that the future of a caller that does not wait alone is small.
            let lead = Box::pin(within(&**self.runtime(), bounds.deadline, self.lead(&mut waiting)));
            if let Some(result) = lead.await.map_err(|TimeUp| timed_out_error())? {
                return result;
            }
            agent::ensure_running(self);
            waiting.needs_agent = true;
        }
        waiting.await
    }

    fn join<'l>(
        self: &'l Arc<Self>,
        units: &Units,
        flow: u64,
        bounds: WaitBounds,
        trace: &'l Trace,
    ) -> Result<WaitForSlot<'l>> {
        let now = self.runtime().now();
        let waiter = Waiter {
            units: units.clone(),
            is_one_call: self.settings.is_one_call(units),
            arrived: now,
            latest_start: self.settings.latest_start(bounds, now),
            deadline: bounds.deadline,
            waker: None,
        };
        let mut state = self.lock_state();
        let joined = state.planner.join(flow, waiter).map_err(throttled_error)?;
        let agent_waker = if joined.needs_step { state.agent.notify() } else { None };
        // A running agent does not stop while this caller waits, so this reading stays valid.
        let needs_agent = state.agent.is_running();
        drop(state);
        agent_waker.into_iter().for_each(Waker::wake);
        Ok(WaitForSlot { limit: self, id: joined.id, arrived: now, has_left: false, needs_agent, trace })
    }

    /// Sends the requests of a caller that waits alone. Returns the result of its wait, or `None` once another caller waits,
    /// too, or there is nothing to request.
    ///
    /// This saves the two task switches of an agent: on a local Redis whose script takes 86 us such a caller has its permit
    /// after 99 us, and after 110 us if an agent sends the request.
    async fn lead(self: &Arc<Self>, waiting: &mut WaitForSlot<'_>) -> Option<Result<Start>> {
        while let Some(request) = self.next_own_request() {
            // If the caller leaves, the request continues in a task of its own, because it may have booked.
            let sent = SpawnOnDrop::new(self.runtime().clone(), Box::pin(self.clone().send(request)));
            match select(sent, &mut *waiting).await {
                Either::Left(_) => {
                    if let Some(result) = (&mut *waiting).now_or_never() {
                        return Some(result);
                    }
                }
                Either::Right((result, _)) => return Some(result),
            }
        }
        None
    }

    /// Returns the next request of a caller that waits alone.
    fn next_own_request(&self) -> Option<StoreRequest> {
        let mut state = self.lock_state();
        if state.agent.is_running() || !state.planner.is_quiet_cell() {
            return None;
        }
        let (now, random) = (self.runtime().now(), self.runtime().random());
        state.agent.begin_step();
        let mut effects = state.planner.step(now, random);
        drop(state);
        let request = effects.requests.pop();
        effects.wake_and_emit(self.trace());
        request
    }

    fn apply(self: &Arc<Self>, request: &StoreRequest, result: Result<Reservation, Arc<StoreError>>) {
        let unused = self.update(|planner, now, effects| planner.apply(request, result, now, effects));
        if let Some(booking) = unused {
            self.runtime().spawn(Box::pin(self.clone().refund(booking)));
        }
    }

    /// Refunds a booking. The store ignores the refund if another process has booked since. If the refund fails, the booked
    /// slots are lost.
    async fn refund(self: Arc<Self>, booking: Booking) {
        if let Some(cell) = &self.cell {
            let _ = cell.refund(&booking).await;
        }
    }

    /// Corrects the charge of a call to what it has cost.
    pub(super) async fn settle(&self, charged: &Units, actual: &Cost) {
        let actual = actual.units_on(&self.settings.limits);
        let deltas = actual.iter().zip(&**charged).map(|(actual, charged)| i64::from(*actual) - i64::from(*charged));
        for (index, delta) in deltas.enumerate().filter(|(_, delta)| *delta != 0) {
            let now = self.runtime().now();
            let is_in_store = self.lock_state().planner.settle(index, delta, now);
            if is_in_store {
                self.settle_in_store(index, delta).await;
            }
        }
        let agent_waker = self.lock_state().agent.notify();
        agent_waker.into_iter().for_each(Waker::wake);
    }

    /// Corrects a charge in the store. A debt is sent again after a failure: if it is charged twice, later calls only wait
    /// longer. A refund is sent once.
    async fn settle_in_store(&self, index: usize, delta: i64) {
        let (Some(cell), Some(limit)) = (&self.cell, self.settings.limits.get(index)) else { return };
        if cell.settle(&limit.id, delta).await.is_err() && delta > 0 {
            let _ = cell.settle(&limit.id, delta).await;
        }
    }

    /// Applies the cooldown that a response requests: in this process at once, and in the other processes through the cell.
    /// `started` is the start of the request.
    pub(super) fn apply_cooldown(self: &Arc<Self>, signal: RateLimitSignal, started: Tick) {
        if signal.cooldown == Cooldown::None {
            return;
        }
        let now = self.runtime().now();
        let mut effects = Effects::default();
        let (hold, agent_waker) = {
            let mut state = self.lock_state();
            let Some(hold) = state.planner.apply_cooldown(signal.cooldown, started, now, &mut effects) else { return };
            (hold, state.agent.notify())
        };
        effects.wake_and_emit(self.trace());
        agent_waker.into_iter().for_each(Waker::wake);
        if let Some(until) = hold.store_until {
            self.runtime().spawn(Box::pin(self.clone().hold_in_store(until)));
        }
    }

    /// Stores a hold in the cell. It is sent again after a failure, because a hold is idempotent.
    async fn hold_in_store(self: Arc<Self>, until: StoreTime) {
        let Some(cell) = &self.cell else { return };
        if cell.hold(until, self.settings.max_hold).await.is_err() {
            let _ = cell.hold(until, self.settings.max_hold).await;
        }
    }

    /// Records a response that accepted the request started at `started`.
    pub(super) fn record_acceptance(&self, signal: RateLimitSignal, started: Tick) {
        if signal.is_accepted {
            let now = self.runtime().now();
            self.lock_state().planner.record_acceptance(started, now);
        }
    }

    /// Refuses every waiter with [`ErrorKind::ShutDown`].
    pub(super) fn shut_down(&self) {
        let wakers = self.lock_state().planner.shut_down();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Returns the status, after one request to the store unless the store is unavailable. A request that fails begins an
    /// outage.
    ///
    /// If the future is dropped, the request may have been sent.
    pub(super) async fn status(self: &Arc<Self>, name: String) -> BucketStatus {
        let (now, random) = (self.runtime().now(), self.runtime().random());
        let touch = self.lock_state().planner.touch(now, random);
        if let Some(touch) = touch {
            self.clone().send(touch).await;
        }
        let now = self.runtime().now();
        self.lock_state().planner.status(name, now)
    }

    /// Applies `change` to the planner and notifies the agent, then performs the effects after unlocking the state.
    fn update<R>(&self, change: impl FnOnce(&mut Planner, Tick, &mut Effects<StoreRequest>) -> R) -> R {
        let now = self.runtime().now();
        let mut effects = Effects::default();
        let (result, agent_waker) = {
            let mut state = self.lock_state();
            (change(&mut state.planner, now, &mut effects), state.agent.notify())
        };
        effects.wake_and_emit(self.trace());
        agent_waker.into_iter().for_each(Waker::wake);
        result
    }

    #[inline]
    fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.context.runtime
    }

    #[inline]
    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WaitQueue for RateLimit {
    type Request = StoreRequest;

    fn runtime(&self) -> &Arc<dyn Runtime> {
        self.runtime()
    }

    fn trace(&self) -> &Trace {
        self.trace()
    }

    fn step(&self) -> Effects<StoreRequest> {
        let (now, random) = (self.runtime().now(), self.runtime().random());
        let mut state = self.lock_state();
        state.agent.begin_step();
        state.planner.step(now, random)
    }

    async fn send(self: Arc<Self>, request: StoreRequest) {
        let Some(cell) = &self.cell else { return };
        let mut in_flight = InFlightRequest { limit: &self, request: Some(request) };
        if let Some(request) = &in_flight.request {
            let result = cell.reserve(&request.reserve).await.map_err(Arc::new);
            if let Some(request) = in_flight.request.take() {
                self.apply(&request, result);
            }
        }
    }

    fn try_start_agent(&self) -> bool {
        self.lock_state().agent.start()
    }

    fn try_stop_agent(&self) -> bool {
        let mut state = self.lock_state();
        let is_done = state.planner.has_no_waiters();
        if is_done {
            state.agent.stop();
        }
        is_done
    }

    fn abort(&self) -> Vec<Waker> {
        let mut state = self.lock_state();
        state.agent.stop();
        state.planner.take_wakers()
    }

    fn poll_notified(&self, waker: &Waker) -> bool {
        self.lock_state().agent.poll_notified(waker)
    }
}

/// A request that is being sent. If it is dropped before its result has arrived, it counts as never sent, and the agent plans
/// the next one.
struct InFlightRequest<'l> {
    limit: &'l RateLimit,
    request: Option<StoreRequest>,
}

impl Drop for InFlightRequest<'_> {
    fn drop(&mut self) {
        let Some(request) = self.request.take() else { return };
        self.limit.update(|planner, now, _| planner.drop_request(&request, now));
    }
}

/// Future of one caller that waits in the queue for its start.
struct WaitForSlot<'l> {
    limit: &'l Arc<RateLimit>,
    id: WaiterId,
    arrived: Tick,
    /// Whether the caller has received its decision and left the queue.
    has_left: bool,
    /// Whether the caller relies on an agent. A caller that waits alone does not.
    needs_agent: bool,
    trace: &'l Trace,
}

impl Future for WaitForSlot<'_> {
    type Output = Result<Start>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let limit = self.limit;
        let mut state = limit.lock_state();
        let Some((waiter, decision)) = state.planner.poll(self.id, context.waker()) else {
            let is_orphaned = self.needs_agent && !state.agent.is_running();
            drop(state);
            if is_orphaned {
                agent::ensure_running(limit);
            }
            return Poll::Pending;
        };
        self.has_left = true;
        let slot = match decision {
            Decision::Start(slot) => slot,
            Decision::Throttled(retry_after) => return Poll::Ready(Err(throttled_error(retry_after))),
            Decision::TimedOut => return Poll::Ready(Err(timed_out_error())),
            Decision::StoreFailed(error) => return Poll::Ready(Err(error.into())),
            Decision::ShutDown => return Poll::Ready(Err(Error::shut_down())),
        };
        // Read after the lock was taken, so that a booking that became void before this reading is known to be void.
        let now = limit.runtime().now();
        let Some(missed) = state.planner.missed(&slot, now) else {
            drop(state);
            return Poll::Ready(Ok(Start { at: now, waited: now.since(self.arrived) }));
        };
        // The slot is lost; the caller keeps its place in the queue.
        self.has_left = false;
        self.id = state.planner.requeue(waiter, context.waker());
        let agent_waker = state.agent.notify();
        let is_orphaned = self.needs_agent && !state.agent.is_running();
        drop(state);
        self.trace.emit(missed);
        agent_waker.into_iter().for_each(Waker::wake);
        if is_orphaned {
            agent::ensure_running(limit);
        }
        Poll::Pending
    }
}

/// Leaves the queue. A slot that the caller was given and has not used goes to the next waiter.
impl Drop for WaitForSlot<'_> {
    fn drop(&mut self) {
        if !self.has_left {
            self.limit.update(|planner, now, effects| planner.leave(self.id, now, effects));
        }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn throttled_error(retry_after: Duration) -> Error {
    Error::new(ErrorKind::Throttled, "the throttle has no slot in time").with_retry_after(Some(retry_after))
}

fn timed_out_error() -> Error {
    Error::new(ErrorKind::Timeout, "no slot of the throttle before the deadline")
}
