//! The places of a bucket, as the callers of one process use them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::future::{Either, select};
use stitchapi_core::{Key, Leases, Owner, Runtime, StoreError, Tick};

use super::keeper::Keeper;
use super::operation::{Answered, Operation};
use super::register::{Register, Work};
use super::taken::Taken;
use super::terms::Terms;
use super::waiting::Waiting;
use crate::throttle::Wait;
use crate::throttle::bucket::Declared;
use crate::throttle::queue::Waiter;
use crate::throttle::units::Units;
use crate::trace::EventKind;
use crate::{Error, ErrorKind, Result};

/// The places of one bucket, as this process sees them.
pub(crate) struct Places {
    declared: Arc<Declared>,
    terms: Arc<Terms>,
    /// Where they lie in the store, if there is one.
    key: Option<Key>,
    register: Mutex<Register>,
}

impl Places {
    pub(in crate::throttle) fn new(declared: Arc<Declared>, limit: u32, key: Option<Key>) -> Arc<Self> {
        let terms = Arc::new(Terms::new(limit, &declared.settings));
        let register = Mutex::new(Register::new(key.is_some()));
        Arc::new(Self { declared, terms, key, register })
    }

    /// The same places for one call that shares nothing with others of its process.
    fn apart(&self) -> Arc<Self> {
        let register = Mutex::new(Register::new(self.key.is_some()));
        Arc::new(Self { declared: self.declared.clone(), terms: self.terms.clone(), key: self.key.clone(), register })
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
        self.register().queue.len()
    }

    /// Waits for a place; callers of one `flow` are served in order, flows in turn.
    ///
    /// Dropped while waiting: nothing happened, the place passes on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Throttled`] if none comes in time, or too many wait already; [`ErrorKind::Store`] if the store fails and
    /// the policy is that.
    pub(crate) async fn take(self: &Arc<Self>, flow: u64, wait: Wait) -> Result<Taken> {
        if self.runtime().joins_callers() {
            self.take_in_turn(flow, wait).await
        } else {
            self.apart().take_in_turn(flow, wait).await
        }
    }

    async fn take_in_turn(self: &Arc<Self>, flow: u64, wait: Wait) -> Result<Taken> {
        if self.register().take_at_once(&self.terms) {
            return Ok(Taken::new(self.clone(), None, Duration::ZERO));
        }
        let (mut waiting, latest) = self.join(flow, wait)?;
        self.drive();
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
    fn join(self: &Arc<Self>, flow: u64, wait: Wait) -> Result<(Waiting, Tick)> {
        let now = self.runtime().now();
        let bounds = [self.declared.max_wait, wait.at_most].into_iter().flatten();
        let latest = bounds.map(|most| now + most).fold(wait.deadline, Tick::min);
        let mut register = self.register();
        if self.declared.max_queue.is_some_and(|most| register.queue.len() >= most) {
            return Err(refused());
        }
        let (units, deadline) = (Units::default(), wait.deadline);
        let waiter = Waiter { units, is_plain: true, arrived: now, latest, deadline, waker: None };
        let ticket = register.queue.join(flow, waiter);
        let keeper = register.keeper.ring();
        drop(register);
        keeper.into_iter().for_each(Waker::wake);
        Ok((Waiting::new(self.clone(), ticket, now), latest))
    }

    pub(super) fn give_back(self: &Arc<Self>, owner: Option<Owner>) {
        let now = self.runtime().now();
        let mut work = Work::default();
        let keeper = {
            let mut register = self.register();
            register.give_back(owner, &self.terms, now, &**self.runtime(), &mut work);
            register.keeper.ring()
        };
        self.tell(work);
        keeper.into_iter().for_each(Waker::wake);
        self.drive();
    }

    /// Sees to it that somebody talks to the store, if there is one and a reason to.
    pub(super) fn drive(self: &Arc<Self>) {
        let starts = {
            let mut register = self.register();
            self.key.is_some() && !register.is_done() && register.keeper.attend()
        };
        if starts {
            self.runtime().spawn(Box::pin(Keeper::new(self.clone()).run()));
        }
    }

    /// One turn, and its consequences but for the operations.
    pub(super) fn turn(&self) -> (Vec<Operation>, Option<Tick>) {
        let now = self.runtime().now();
        let mut work = self.register().turn(&self.terms, now, &**self.runtime());
        let next = (std::mem::take(&mut work.operations), work.look_again);
        self.tell(work);
        next
    }

    pub(super) fn take_in(&self, answered: &Answered) {
        let now = self.runtime().now();
        let work = self.register().take_in(answered, &self.terms, now, &**self.runtime());
        self.tell(work);
    }

    /// Wakes and tells whom something concerns.
    fn tell(&self, work: Work) {
        work.wakers.into_iter().for_each(Waker::wake);
        for event in work.events {
            self.declared.trace.emit(event);
        }
    }

    pub(super) fn tell_failure(&self, operation: &'static str, error: StoreError) -> Arc<StoreError> {
        self.declared.trace.emit(EventKind::StoreFailed { operation, kind: error.kind() });
        Arc::new(error)
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }
    /// The store, and where the places lie in it.
    pub(super) fn store(&self) -> Option<(&dyn Leases, &'static str, &Key)> {
        let place = self.declared.place.as_ref()?;
        Some((place.leases.as_deref()?, place.name, self.key.as_ref()?))
    }
    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.declared.runtime
    }
    pub(super) fn register(&self) -> MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
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
