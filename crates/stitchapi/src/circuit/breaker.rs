//! One circuit, as calls meet it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use stitchapi_core::{Runtime, Tick, Version};

use super::machine::{ASK_AGAIN, Admission, Change, End, Machine};
use super::outcome::Outcome;
use super::record::{Cause, Record};
use super::shared::{Seen, Shared};
use super::ticket::Ticket;
use super::turn::Turn;
use super::window::Rule;
use crate::trace::{EventKind, Trace};
use crate::{Error, ErrorKind, Result};

/// How often the store is asked while calls come. With an operation's time on top, what one process has changed reaches
/// the others within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// That a circuit is closed again is told for so long at least.
const TOLD_FOR: Duration = Duration::from_secs(10);
/// So often it is tried to write over what others write meanwhile.
const TRIES: usize = 3;

/// Whose circuit it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Of {
    Stitch(Arc<str>),
    Host(Arc<str>),
}

/// One circuit: in this process, and with what it shares in all.
pub(crate) struct Breaker {
    of: Of,
    open_for: Duration,
    machine: Mutex<Machine>,
    /// The attempts that have not been sent. Locked before the machine, if both are.
    waiting: Mutex<HashMap<u64, Waker>>,
    numbers: AtomicU64,
    shared: Option<Arc<Shared>>,
    looks: Mutex<Looks>,
    runtime: Arc<dyn Runtime>,
}

#[derive(Debug, Default)]
struct Looks {
    next: Tick,
    is_under_way: bool,
}

impl Breaker {
    pub(super) fn new(
        of: Of,
        rule: Rule,
        open_for: Duration,
        shared: Option<Arc<Shared>>,
        runtime: Arc<dyn Runtime>,
    ) -> Arc<Self> {
        let machine = Mutex::new(Machine::new(rule, open_for));
        let (waiting, looks, numbers) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        Arc::new(Self { of, open_for, machine, waiting, numbers, shared, looks, runtime })
    }

    /// Lets an attempt through whose call ends at `ends`, or not. Asks the store only for whoever is to see whether the API
    /// is back.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CircuitOpen`].
    pub(crate) async fn admit(self: &Arc<Self>, trace: &Trace, ends: Tick) -> Result<Ticket> {
        self.look_now_and_then(trace).await;
        let admission = self.machine().admit(self.runtime.now(), ends);
        let ticket = |generation| Ticket::new(self.clone(), generation, self.numbers.fetch_add(1, Ordering::Relaxed));
        match admission {
            Admission::Passed(generation) => Ok(ticket(generation)),
            Admission::Shut(after) => Err(self.shut(&self.machine(), after)),
            Admission::Probe(generation) => self.probe(ticket(generation), trace).await,
        }
    }

    /// Makes sure that nobody else in the fleet sees whether the API is back, or has seen it.
    async fn probe(self: &Arc<Self>, mut ticket: Ticket, trace: &Trace) -> Result<Ticket> {
        if let Some(shared) = &self.shared {
            match Turn::take(shared, trace).await {
                Ok(Some(turn)) => ticket.turn = Some(turn),
                Ok(None) => {
                    self.machine().give_back(ticket.generation(), self.runtime.now() + ASK_AGAIN);
                }
                // The store is away; this process sees for itself.
                Err(_) => {}
            }
            if let Ok(seen) = shared.look(trace).await {
                self.learn(&seen, trace);
                self.wait_for_the_record(&seen, ticket.generation());
            }
            ticket.renew(self.runtime.now())?;
        }
        if self.machine().opening().is_some() {
            trace.emit(EventKind::CircuitHalfOpen { circuit: self.name() });
        } else {
            ticket.turn = None;
        }
        Ok(ticket)
    }

    /// While the record of another process' opening is there, it is open, whatever the wall clocks say.
    fn wait_for_the_record(&self, seen: &Seen, generation: u64) {
        let mut machine = self.machine();
        let theirs = machine.opening().filter(|open| !open.is_ours).map(|open| open.id);
        if theirs.is_some() && seen.opening() == theirs.as_ref() {
            machine.give_back(generation, self.runtime.now() + ASK_AGAIN);
        }
    }

    pub(super) fn may_send(&self, generation: u64, now: Tick) -> Result<u64> {
        let machine = self.machine();
        machine.may_send(generation, now).ok_or_else(|| {
            let after = machine.opening().map_or(Duration::ZERO, |open| open.until.since(now));
            self.shut(&machine, if after.is_zero() { ASK_AGAIN } else { after })
        })
    }

    /// Ready as soon as an attempt of this generation may not be sent any more.
    pub(super) fn poll_shut(&self, generation: u64, number: u64, context: &Context<'_>) -> Poll<Error> {
        let mut waiting = self.waiting();
        match self.may_send(generation, self.runtime.now()) {
            Err(error) => Poll::Ready(error),
            Ok(_) => {
                waiting.insert(number, context.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(super) fn forget(&self, number: u64) {
        self.waiting().remove(&number);
    }

    pub(super) fn give_back(&self, generation: u64) {
        self.machine().give_back(generation, self.runtime.now());
    }

    /// An attempt has ended; the fleet is told what that changes before the next one may see whether the API is back.
    pub(super) async fn ended(self: &Arc<Self>, generation: u64, outcome: Outcome, turn: Option<Turn>, trace: &Trace) {
        let end = match outcome {
            Outcome::Answered => End::Answered,
            Outcome::Unknown => End::Unknown,
            Outcome::Failed(symptom) => {
                End::Failed(Version::random(&*self.runtime), Cause { stitch: trace.stitch.to_string(), symptom })
            }
        };
        let Some(change) = self.machine().ended(generation, end, self.runtime.now()) else { return };
        let circuit = self.name();
        trace.emit(match &change {
            Change::Opened(_) => EventKind::CircuitOpened { circuit, by: self.open_for, elsewhere: false },
            Change::Closed(_) => EventKind::CircuitClosed { circuit, elsewhere: false },
        });
        self.wake();
        if self.shared.is_some() {
            let telling = self.clone().tell(change, turn, trace.clone());
            self.aside(telling).await;
        }
    }

    async fn tell(self: Arc<Self>, change: Change, turn: Option<Turn>, trace: Trace) {
        if let Some(shared) = &self.shared {
            self.tell_all(shared, &change, &trace).await;
        }
        if let Some(turn) = turn {
            turn.give_back().await;
        }
    }

    /// Leaves a change in the store. Where another process has opened the circuit meanwhile, its opening holds.
    async fn tell_all(&self, shared: &Shared, change: &Change, trace: &Trace) {
        for _ in 0..TRIES {
            let Ok(seen) = shared.look(trace).await else { return };
            let (id, new, record, ttl) = match change {
                Change::Opened(open) => {
                    let record = Record::of_opening(open, self.open_for, &*self.runtime);
                    (open.id, open.id, record, open.until.since(self.runtime.now()))
                }
                Change::Closed(id) => {
                    let new = Version::random(&*self.runtime);
                    (*id, new, Record::of_closing(id), self.open_for.max(TOLD_FOR))
                }
            };
            let is_anothers = seen.opening().is_some_and(|theirs| *theirs != id && !self.machine().is_over(theirs));
            if is_anothers {
                return self.learn(&seen, trace);
            }
            // What failed has been told as an event: this process goes on alone, and the others see for themselves.
            if ttl.is_zero() || !matches!(shared.write(&seen, &new, &record, ttl, trace).await, Ok(false)) {
                return;
            }
        }
    }

    /// Asks the store what others have changed, if it is time: beside the calls, where one may do something beside others.
    async fn look_now_and_then(self: &Arc<Self>, trace: &Trace) {
        if self.shared.is_none() {
            return;
        }
        let Some(looking) = Looking::begin(self) else { return };
        let trace = trace.clone();
        self.aside(async move {
            if let Some(shared) = &looking.0.shared
                && let Ok(seen) = shared.look(&trace).await
            {
                looking.0.learn(&seen, &trace);
            }
        })
        .await;
    }

    /// Runs a task beside the calls, or before them.
    async fn aside(&self, task: impl Future<Output = ()> + Send + 'static) {
        if self.runtime.joins_callers() {
            self.runtime.spawn(Box::pin(task));
        } else {
            task.await;
        }
    }

    /// Takes over what others have changed.
    fn learn(&self, seen: &Seen, trace: &Trace) {
        let now = self.runtime.now();
        let changed = {
            let mut machine = self.machine();
            match (&seen.record, seen.version) {
                (Some(record @ Record::Open { .. }), Some(version)) => {
                    record.opening(version, &*self.runtime).and_then(|opening| {
                        let by = opening.until.since(now);
                        let opened = machine.opened_elsewhere(opening);
                        opened.then(|| EventKind::CircuitOpened { circuit: self.name(), by, elsewhere: true })
                    })
                }
                (Some(Record::Closed { opening }), _) => {
                    let closed = machine.closed_elsewhere(|id| id.to_string() == *opening);
                    closed.then(|| EventKind::CircuitClosed { circuit: self.name(), elsewhere: true })
                }
                (_, None) => {
                    machine.expired_elsewhere(now);
                    None
                }
                (None, Some(_)) => None,
            }
        };
        if let Some(event) = changed {
            trace.emit(event);
            self.wake();
        }
    }

    fn wake(&self) {
        let waiting = std::mem::take(&mut *self.waiting());
        waiting.into_values().for_each(Waker::wake);
    }

    fn name(&self) -> Arc<str> {
        let (Of::Stitch(name) | Of::Host(name)) = &self.of;
        name.clone()
    }

    fn shut(&self, machine: &Machine, after: Duration) -> Error {
        let mut what = match &self.of {
            Of::Stitch(_) => "its circuit is open".to_owned(),
            Of::Host(host) => format!("the circuit of {host} is open"),
        };
        if let Some(open) = machine.opening() {
            let whose = if open.is_ours { "" } else { ", in another process," };
            what.push_str(&format!(": {}{whose} {}", open.cause.stitch, open.cause.symptom.text()));
        }
        Error::new(ErrorKind::CircuitOpen, what).with_retry_after(Some(after))
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That the store is being asked. Should that end before its time, with its runtime, the next call asks again.
struct Looking(Arc<Breaker>);

impl Looking {
    fn begin(breaker: &Arc<Breaker>) -> Option<Self> {
        let (mut looks, now) = (breaker.looks(), breaker.runtime.now());
        if looks.is_under_way || now < looks.next {
            return None;
        }
        *looks = Looks { next: now + LOOK_EVERY, is_under_way: true };
        drop(looks);
        Some(Self(breaker.clone()))
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.looks().is_under_way = false;
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("of", &self.of).field("machine", &*self.machine()).finish_non_exhaustive()
    }
}
