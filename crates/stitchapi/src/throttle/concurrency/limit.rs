//! The concurrency limit of a bucket (one budget of the throttle), as the callers of one process use it:
//! [`ConcurrencyLimit`], the future that waits for a permit, and [`ConcurrencyPermit`], the permit.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::{Either, select};
use stitchapi_core::{Key, Owner, Runtime, Tick};

use super::lease_request::{LeaseReply, LeaseRequest, LeaseResponse, RequestKind};
use super::settings::{ConcurrencySettings, Inputs};
use super::state::{ConcurrencyState, Decision};
use crate::error::{Error, ErrorKind, Result};
use crate::throttle::agent::{self, Effects, WaitQueue};
use crate::throttle::context::ThrottleContext;
use crate::throttle::fair_queue::{Waiter, WaiterId};
use crate::throttle::settings::{BucketSettings, WaitBounds};
use crate::throttle::units::Units;
use crate::trace::Trace;

/// Concurrency limit of one bucket.
pub(crate) struct ConcurrencyLimit {
    context: Arc<ThrottleContext>,
    bucket_settings: Arc<BucketSettings>,
    settings: Arc<ConcurrencySettings>,
    /// Key of the leases of this limit; `None` without a store.
    key: Option<Key>,
    state: Mutex<ConcurrencyState>,
}

impl ConcurrencyLimit {
    pub(in crate::throttle) fn new(
        context: Arc<ThrottleContext>,
        bucket_settings: Arc<BucketSettings>,
        limit: u32,
        key: Option<Key>,
    ) -> Arc<Self> {
        let settings = Arc::new(ConcurrencySettings::new(limit, &bucket_settings));
        let state = Mutex::new(ConcurrencyState::new(key.is_some()));
        Arc::new(Self { context, bucket_settings, settings, key, state })
    }

    /// Returns a limit with the same settings and key, and a state of its own. One call uses it on a runtime where no
    /// call may wait for another one.
    fn detached(&self) -> Arc<Self> {
        let (context, bucket_settings) = (self.context.clone(), self.bucket_settings.clone());
        let (settings, key) = (self.settings.clone(), self.key.clone());
        let state = Mutex::new(ConcurrencyState::new(key.is_some()));
        Arc::new(Self { context, bucket_settings, settings, key, state })
    }

    /// Returns `true` if this limit can be discarded and created again later: no caller waits, and no permit is in use.
    pub(in crate::throttle) fn is_idle(&mut self) -> bool {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner).is_idle()
    }

    /// Returns the number of permits: in the fleet if there is a store, else in this process.
    pub(crate) fn limit(&self) -> u32 {
        self.settings.limit
    }

    /// Returns the number of permits in use in this process.
    pub(crate) fn in_use(&self) -> usize {
        self.lock_state().in_use()
    }

    /// Returns the number of callers that wait in this process.
    pub(crate) fn waiting(&self) -> usize {
        self.lock_state().queue.waiting()
    }

    /// Waits for a permit. Callers of one `flow` are served first come, first served; flows take turns.
    ///
    /// If the future is dropped while it waits, its place in the queue, or a permit already granted to it, passes to the
    /// next caller.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Throttled`] if no permit is free within the bounds, or if too many callers wait already;
    /// [`ErrorKind::Store`] if the store fails and the outage policy is `OutagePolicy::Closed`.
    pub(crate) async fn acquire(self: &Arc<Self>, flow: u64, bounds: WaitBounds) -> Result<ConcurrencyPermit> {
        if self.runtime().joins_callers() {
            self.acquire_in_turn(flow, bounds).await
        } else {
            self.detached().acquire_in_turn(flow, bounds).await
        }
    }

    async fn acquire_in_turn(self: &Arc<Self>, flow: u64, bounds: WaitBounds) -> Result<ConcurrencyPermit> {
        if self.lock_state().acquire_at_once(&self.settings) {
            return Ok(ConcurrencyPermit { limit: self.clone(), owner: None, waited: Duration::ZERO });
        }
        let (mut waiting, latest_start) = self.join(flow, bounds)?;
        agent::ensure_running(self);
        if latest_start >= bounds.deadline {
            return waiting.await;
        }
        let mut sleep = self.runtime().sleep_until(latest_start + Duration::from_micros(1));
        loop {
            if let Either::Left((permit, _)) = select(&mut waiting, sleep).await {
                return permit;
            }
            if !waiting.may_be_free() {
                return waiting.give_up();
            }
            // The caller's longest wait is over, but the store has not yet replied whether a permit is free. The caller
            // waits for that reply, so that it gets a free permit even if its longest wait is zero.
            sleep = self.runtime().sleep_until(self.runtime().now() + self.settings.response_check_interval());
        }
    }

    /// Joins the queue. Returns the future of the wait, and the latest time at which the caller accepts a permit.
    fn join(self: &Arc<Self>, flow: u64, bounds: WaitBounds) -> Result<(WaitForPermit, Tick)> {
        let now = self.runtime().now();
        let latest_start = self.bucket_settings.latest_start(bounds, now);
        let mut state = self.lock_state();
        if self.bucket_settings.max_queue.is_some_and(|max| state.queue.waiting() >= max) {
            return Err(throttled_error());
        }
        let (units, deadline) = (Units::default(), bounds.deadline);
        let waiter = Waiter { units, is_one_call: true, arrived: now, latest_start, deadline, waker: None };
        let id = state.queue.join(flow, waiter);
        let agent_waker = state.agent.notify();
        drop(state);
        agent_waker.into_iter().for_each(Waker::wake);
        Ok((WaitForPermit { limit: self.clone(), id, arrived: now, has_left: false }, latest_start))
    }

    fn give_back(self: &Arc<Self>, owner: Option<Owner>) {
        let now = self.runtime().now();
        let mut effects = Effects::default();
        let agent_waker = {
            let mut state = self.lock_state();
            state.give_back(owner, self.inputs(now), &mut effects);
            state.agent.notify()
        };
        effects.wake_and_emit(&self.context.trace);
        agent_waker.into_iter().for_each(Waker::wake);
        agent::ensure_running(self);
    }

    /// Sends a request to the store and returns its outcome.
    async fn send_to_store(&self, request: LeaseRequest) -> LeaseResponse {
        let (settings, sent, trace) = (&self.settings, self.runtime().now(), &self.context.trace);
        let (Some(store), Some(key)) = (&self.context.store, &self.key) else {
            unreachable!("a limit without a store plans no requests")
        };
        let LeaseRequest { kind, owner } = request;
        let result = match kind {
            RequestKind::Acquire | RequestKind::TryAcquire | RequestKind::Reacquire => {
                let queue_ttl = if kind == RequestKind::Acquire { settings.queue_ttl } else { Duration::ZERO };
                let acquire = store.acquire(key, settings.limit, settings.lease_ttl, &owner, queue_ttl, trace);
                acquire.await.map(LeaseReply::Acquire)
            }
            RequestKind::Renew | RequestKind::Probe => {
                store.renew(key, settings.lease_ttl, &owner, trace).await.map(LeaseReply::Renew)
            }
            RequestKind::Release => store.release(key, &owner, trace).await.map(|()| LeaseReply::Release),
        };
        LeaseResponse { request, sent, result: result.map_err(Arc::new) }
    }

    fn inputs(&self, now: Tick) -> Inputs<'_> {
        Inputs { settings: &self.settings, now, runtime: &**self.runtime() }
    }
    fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.context.runtime
    }
    fn lock_state(&self) -> MutexGuard<'_, ConcurrencyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WaitQueue for ConcurrencyLimit {
    type Request = LeaseRequest;

    fn runtime(&self) -> &Arc<dyn Runtime> {
        self.runtime()
    }

    fn trace(&self) -> &Trace {
        &self.context.trace
    }

    fn step(&self) -> Effects<LeaseRequest> {
        let now = self.runtime().now();
        self.lock_state().step(self.inputs(now))
    }

    async fn send(self: Arc<Self>, request: LeaseRequest) {
        let response = self.send_to_store(request).await;
        let now = self.runtime().now();
        let mut effects = self.lock_state().apply(&response, self.inputs(now));
        effects.wake_and_emit(&self.context.trace);
    }

    fn try_start_agent(&self) -> bool {
        let mut state = self.lock_state();
        self.key.is_some() && !state.is_done() && state.agent.start()
    }

    fn try_stop_agent(&self) -> bool {
        let now = self.runtime().now();
        let mut state = self.lock_state();
        let is_done = state.is_done();
        if is_done {
            state.stop_agent(&self.settings, now);
        }
        is_done
    }

    fn abort(&self) -> Vec<Waker> {
        let now = self.runtime().now();
        let mut state = self.lock_state();
        state.stop_agent(&self.settings, now);
        state.queue.take_wakers()
    }

    fn poll_notified(&self, waker: &Waker) -> bool {
        self.lock_state().agent.poll_notified(waker)
    }
}

impl fmt::Debug for ConcurrencyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimit")
            .field("limit", &self.limit())
            .field("in_use", &self.in_use())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

/// Returns the error of a caller that gets no permit in time, or finds the queue full. It has no `retry_after`, because
/// the running calls decide when a permit is free.
fn throttled_error() -> Error {
    Error::new(
        ErrorKind::Throttled,
        "no concurrency permit in time, because too many calls are running: retry later, or allow a longer wait",
    )
}

/// Permission for one call to run. When it is dropped, it passes to the next waiter of this process, or the agent
/// releases its lease.
#[must_use = "a concurrency permit is held until it is dropped"]
pub(crate) struct ConcurrencyPermit {
    limit: Arc<ConcurrencyLimit>,
    /// Owner of its lease; `None` without a store.
    owner: Option<Owner>,
    waited: Duration,
}

impl ConcurrencyPermit {
    /// Returns how long the call waited for the permit.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns `true` if the permit is still valid: there is no store, its lease has not expired, or it was issued
    /// without a lease during an outage.
    pub(crate) fn is_held(&self) -> bool {
        let now = self.limit.runtime().now();
        self.owner.is_none() || self.limit.lock_state().is_valid(self.owner.as_ref(), now)
    }
}

impl Drop for ConcurrencyPermit {
    fn drop(&mut self) {
        self.limit.give_back(self.owner);
    }
}

impl fmt::Debug for ConcurrencyPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyPermit").field("waited", &self.waited).finish_non_exhaustive()
    }
}

/// Future of one caller that waits for a permit. When it is dropped, a permit already granted to it passes to the next
/// waiter.
struct WaitForPermit {
    limit: Arc<ConcurrencyLimit>,
    id: WaiterId,
    arrived: Tick,
    /// Whether the caller has received its decision and left the queue.
    has_left: bool,
}

impl WaitForPermit {
    /// Returns `true` while a permit may be free for this caller: the store has not yet replied "busy" to a request
    /// that was sent after the caller arrived.
    fn may_be_free(&self) -> bool {
        self.limit.lock_state().may_be_free(self.arrived, &self.limit.settings)
    }

    /// Leaves the queue. Returns the decision if there is one already, and an error otherwise.
    fn give_up(mut self) -> Result<ConcurrencyPermit> {
        match self.poll_decision(Waker::noop()) {
            Poll::Ready(permit) => permit,
            Poll::Pending => Err(throttled_error()),
        }
    }

    fn poll_decision(&mut self, waker: &Waker) -> Poll<Result<ConcurrencyPermit>> {
        let limit = &self.limit;
        let mut state = limit.lock_state();
        let Some((decided, decision)) = state.queue.poll(self.id, waker) else {
            let has_agent = state.agent.is_running();
            drop(state);
            if !has_agent {
                agent::ensure_running(limit);
            }
            return Poll::Pending;
        };
        let owner = match decision {
            Decision::Permit(owner) => owner,
            Decision::Failed(error) => {
                self.has_left = true;
                return Poll::Ready(Err(error.into()));
            }
        };
        // Reads the clock after taking the lock: an older reading could make an expired lease look valid.
        let now = limit.runtime().now();
        if state.is_valid(owner.as_ref(), now) {
            self.has_left = true;
            drop(state);
            return Poll::Ready(Ok(ConcurrencyPermit { limit: limit.clone(), owner, waited: now.since(self.arrived) }));
        }
        // The lease has expired or was lost since it was granted, for example while this process was paused. The caller
        // waits at its old place for another permit.
        self.id = state.queue.requeue(decided);
        let _ = state.queue.poll(self.id, waker);
        drop(state);
        limit.give_back(owner);
        Poll::Pending
    }
}

impl Future for WaitForPermit {
    type Output = Result<ConcurrencyPermit>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_decision(context.waker())
    }
}

impl Drop for WaitForPermit {
    fn drop(&mut self) {
        if self.has_left {
            return;
        }
        let decision = self.limit.lock_state().queue.leave(self.id);
        if let Some(Decision::Permit(owner)) = decision {
            self.limit.give_back(owner);
            return;
        }
        let agent_waker = self.limit.lock_state().agent.notify();
        agent_waker.into_iter().for_each(Waker::wake);
    }
}
