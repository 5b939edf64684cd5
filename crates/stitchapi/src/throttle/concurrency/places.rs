//! The places of a bucket, as the callers of one process use them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::future::{Either, select};
use stitchapi_core::{Key, Owner, Runtime, Tick};

use super::operation::{Answer, Answered, Kind, Operation};
use super::register::{Register, Work};
use super::taken::Taken;
use super::terms::Terms;
use super::waiting::Waiting;
use crate::store::Client;
use crate::throttle::agent::{self, WaitQueue};
use crate::throttle::context::ThrottleContext;
use crate::throttle::queue::Waiter;
use crate::throttle::settings::{BucketSettings, WaitBounds};
use crate::throttle::units::Units;
use crate::trace::Trace;
use crate::{Error, ErrorKind, Result};

/// The places of one bucket, as this process sees them.
pub(crate) struct Places {
    context: Arc<ThrottleContext>,
    settings: Arc<BucketSettings>,
    terms: Arc<Terms>,
    /// Where they lie in the store, if there is one.
    key: Option<Key>,
    register: Mutex<Register>,
}

impl Places {
    pub(in crate::throttle) fn new(
        context: Arc<ThrottleContext>,
        settings: Arc<BucketSettings>,
        limit: u32,
        key: Option<Key>,
    ) -> Arc<Self> {
        let terms = Arc::new(Terms::new(limit, &settings));
        let register = Mutex::new(Register::new(key.is_some()));
        Arc::new(Self { context, settings, terms, key, register })
    }

    /// The same places for one call that shares nothing with others of its process.
    fn apart(&self) -> Arc<Self> {
        let register = Mutex::new(Register::new(self.key.is_some()));
        Arc::new(Self {
            context: self.context.clone(),
            settings: self.settings.clone(),
            terms: self.terms.clone(),
            key: self.key.clone(),
            register,
        })
    }

    /// Whether forgetting it changes nothing: nobody waits, and no place is in use.
    pub(in crate::throttle) fn is_idle(&mut self) -> bool {
        self.register.get_mut().unwrap_or_else(PoisonError::into_inner).is_idle()
    }

    /// How many calls may be under way at once.
    pub(crate) fn limit(&self) -> u32 {
        self.terms.limit
    }

    /// How many places are in use in this process.
    pub(crate) fn held(&self) -> usize {
        self.register().used()
    }

    /// How many callers of this process wait for one.
    pub(crate) fn waiting(&self) -> usize {
        self.register().queue.waiting()
    }

    /// Waits for a place; callers of one `flow` are served in order, flows in turn.
    ///
    /// Dropped while waiting: nothing happened, the place passes on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Throttled`] if none comes in time, or too many wait already; [`ErrorKind::Store`] if the store fails and
    /// the policy is that.
    pub(crate) async fn take(self: &Arc<Self>, flow: u64, wait: WaitBounds) -> Result<Taken> {
        if self.runtime().joins_callers() {
            self.take_in_turn(flow, wait).await
        } else {
            self.apart().take_in_turn(flow, wait).await
        }
    }

    async fn take_in_turn(self: &Arc<Self>, flow: u64, wait: WaitBounds) -> Result<Taken> {
        if self.register().take_at_once(&self.terms) {
            return Ok(Taken::new(self.clone(), None, Duration::ZERO));
        }
        let (mut waiting, latest) = self.join(flow, wait)?;
        agent::ensure_running(self);
        if latest >= wait.deadline {
            return waiting.await;
        }
        let mut sleep = self.runtime().sleep_until(latest + Duration::from_micros(1));
        loop {
            if let Either::Left((taken, _)) = select(&mut waiting, sleep).await {
                return taken;
            }
            if !waiting.is_open() {
                return waiting.give_up();
            }
            // No patience at all is enough for a place that is free.
            sleep = self.runtime().sleep_until(self.runtime().now() + self.terms.glance());
        }
    }

    /// Joins the queue; with the latest time at which this caller takes a place.
    fn join(self: &Arc<Self>, flow: u64, wait: WaitBounds) -> Result<(Waiting, Tick)> {
        let now = self.runtime().now();
        let latest_start = self.settings.latest_start(wait, now);
        let mut register = self.register();
        if self.settings.max_queue.is_some_and(|most| register.queue.waiting() >= most) {
            return Err(refused());
        }
        let (units, deadline) = (Units::default(), wait.deadline);
        let waiter = Waiter { units, is_one_call: true, arrived: now, latest_start, deadline, waker: None };
        let ticket = register.queue.join(flow, waiter);
        let agent = register.agent.notify();
        drop(register);
        agent.into_iter().for_each(Waker::wake);
        Ok((Waiting::new(self.clone(), ticket, now), latest_start))
    }

    pub(super) fn give_back(self: &Arc<Self>, owner: Option<Owner>) {
        let now = self.runtime().now();
        let mut work = Work::default();
        let agent = {
            let mut register = self.register();
            register.give_back(owner, &self.terms, now, &**self.runtime(), &mut work);
            register.agent.notify()
        };
        work.wake_and_emit(&self.context.trace);
        agent.into_iter().for_each(Waker::wake);
        agent::ensure_running(self);
    }

    async fn ask(&self, operation: Operation) -> Answered {
        let (terms, sent) = (self.terms(), self.runtime().now());
        let Some((store, key)) = self.store() else { unreachable!("only places of a store have an agent") };
        let (Operation { kind, owner }, trace) = (operation, &self.context.trace);
        let asked = match kind {
            Kind::Ask | Kind::Try | Kind::Adopt => {
                let park = if kind == Kind::Ask { terms.park } else { Duration::ZERO };
                store.acquire(key, terms.limit, terms.ttl, &owner, park, trace).await.map(Answer::Lease)
            }
            Kind::Renew | Kind::Probe => store.renew(key, terms.ttl, &owner, trace).await.map(Answer::Renewed),
            Kind::Release => store.release(key, &owner, trace).await.map(|()| Answer::Done),
        };
        Answered { operation, sent, answer: asked.map_err(Arc::new) }
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }
    /// The store, and where the places lie in it.
    pub(super) fn store(&self) -> Option<(&Client, &Key)> {
        Some((self.context.store.as_deref()?, self.key.as_ref()?))
    }
    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.context.runtime
    }
    pub(super) fn register(&self) -> MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WaitQueue for Places {
    type Request = Operation;

    fn runtime(&self) -> &Arc<dyn Runtime> {
        self.runtime()
    }

    fn trace(&self) -> &Trace {
        &self.context.trace
    }

    fn turn(&self) -> Work {
        let now = self.runtime().now();
        self.register().turn(&self.terms, now, &**self.runtime())
    }

    async fn send(self: Arc<Self>, operation: Operation) {
        let answered = self.ask(operation).await;
        let now = self.runtime().now();
        let mut work = self.register().take_in(&answered, &self.terms, now, &**self.runtime());
        work.wake_and_emit(&self.context.trace);
    }

    fn try_start(&self) -> bool {
        let mut register = self.register();
        self.key.is_some() && !register.is_done() && register.agent.start()
    }

    fn try_stop(&self) -> bool {
        let now = self.runtime().now();
        let mut register = self.register();
        let is_done = register.is_done();
        if is_done {
            register.is_left(&self.terms, now);
        }
        is_done
    }

    fn abort(&self) -> Vec<Waker> {
        let now = self.runtime().now();
        let mut register = self.register();
        register.is_left(&self.terms, now);
        register.queue.take_wakers()
    }

    fn poll_notified(&self, waker: &Waker) -> bool {
        self.register().agent.poll_notified(waker)
    }
}

/// When one will be free nobody knows: that is with the calls under way.
pub(super) fn refused() -> Error {
    Error::new(ErrorKind::Throttled, "the throttle has no place in time: too many calls are under way")
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places")
            .field("limit", &self.limit())
            .field("held", &self.held())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}
