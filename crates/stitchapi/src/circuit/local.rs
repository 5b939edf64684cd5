//! One circuit in this process: its state with a clock, its events, and the attempts whose requests are not sent yet.
//! Each change of the circuit begins a new *generation*: see [`CircuitState`].

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use stitchapi_core::{Runtime, Tick, Version};

use super::outcome::{AttemptOutcome, OpenCause};
use super::state::{Admission, AttemptEnd, CircuitState, OpenPeriod, PROBE_RETRY_PAUSE, StateChange};
use super::window::OpenRule;
use crate::error::{Error, ErrorKind, Result};
use crate::trace::{EventKind, Trace};

/// The stitch or the host that a circuit belongs to, by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum CircuitOwner {
    Stitch(Arc<str>),
    Host(Arc<str>),
}

/// One circuit in this process. With a store, `FleetCircuit` applies the changes of the other processes to it.
pub(super) struct LocalCircuit {
    owner: CircuitOwner,
    open_for: Duration,
    runtime: Arc<dyn Runtime>,
    state: Mutex<CircuitState>,
    /// Wakers of the attempts whose requests are not sent yet, by the number of the attempt. Where both mutexes are
    /// locked, this one is locked before `state`.
    unsent: Mutex<HashMap<u64, Waker>>,
    next_number: AtomicU64,
}

impl LocalCircuit {
    pub(super) fn new(owner: CircuitOwner, rule: OpenRule, open_for: Duration, runtime: Arc<dyn Runtime>) -> Self {
        let state = Mutex::new(CircuitState::new(rule, open_for));
        Self { owner, open_for, runtime, state, unsent: Mutex::default(), next_number: AtomicU64::new(0) }
    }

    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    /// Returns how long the circuit is open before a call probes.
    pub(super) fn open_for(&self) -> Duration {
        self.open_for
    }

    /// Returns a number for an attempt, unique within this circuit.
    pub(super) fn next_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Decides whether an attempt may start. `ends` is the time by which it ends at the latest.
    pub(super) fn admit(&self, ends: Tick) -> Admission {
        self.lock_state().admit(self.runtime.now(), ends)
    }

    /// Returns the error of an attempt that is refused, with the time after which a call may ask again.
    pub(super) fn refusal_error(&self, retry_after: Duration) -> Error {
        self.refusal_error_in(&self.lock_state(), retry_after)
    }

    fn refusal_error_in(&self, state: &CircuitState, retry_after: Duration) -> Error {
        let mut what = match &self.owner {
            CircuitOwner::Stitch(_) => "the circuit of the stitch is open".to_owned(),
            CircuitOwner::Host(host) => format!("the circuit of {host} is open"),
        };
        if let Some(open) = state.open_period() {
            let process = if open.is_ours { "" } else { " in another process" };
            what.push_str(&format!(": {}{process} {}", open.cause.stitch, open.cause.symptom.text()));
        }
        Error::new(ErrorKind::CircuitOpen, what).with_retry_after(Some(retry_after))
    }

    /// Checks whether an attempt that was admitted under `generation` may send its request now. The *generation* of the
    /// circuit is a number that each change of its state raises. Returns the generation that the attempt belongs to from
    /// now on: the present one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CircuitOpen`] if the attempt must no longer send its request.
    pub(super) fn may_send(&self, generation: u64, now: Tick) -> Result<u64> {
        let state = self.lock_state();
        state.may_send(generation, now).ok_or_else(|| {
            let left = state.open_period().map_or(Duration::ZERO, |open| open.probe_at().since(now));
            self.refusal_error_in(&state, if left.is_zero() { PROBE_RETRY_PAUSE } else { left })
        })
    }

    /// Polls for the refusal of an attempt whose request is not sent yet: ready with the error as soon as the circuit
    /// opens. Until then the waker of the attempt is kept under `number`.
    pub(super) fn poll_refusal(&self, generation: u64, number: u64, context: &Context<'_>) -> Poll<Error> {
        let mut unsent = self.lock_unsent();
        match self.may_send(generation, self.runtime.now()) {
            Err(error) => Poll::Ready(error),
            Ok(_) => {
                unsent.insert(number, context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Removes the waker of an attempt.
    pub(super) fn remove_waker(&self, number: u64) {
        self.lock_unsent().remove(&number);
    }

    /// Ends the probe of `generation` without a result. The next attempt of this process may probe after `pause`.
    pub(super) fn return_probe(&self, generation: u64, pause: Duration) {
        self.lock_state().return_probe(generation, self.runtime.now() + pause);
    }

    /// Records the end of an attempt. If the circuit opened or closed, emits the change and returns it, so that the
    /// caller publishes it to the fleet.
    pub(super) fn record_end(&self, generation: u64, outcome: AttemptOutcome, trace: &Trace) -> Option<StateChange> {
        let end = match outcome {
            AttemptOutcome::Responded => AttemptEnd::Responded,
            AttemptOutcome::Unknown => AttemptEnd::Unknown,
            AttemptOutcome::Failed(symptom) => {
                let cause = OpenCause { stitch: trace.stitch.to_string(), symptom };
                AttemptEnd::Failed(Version::random(&*self.runtime), cause)
            }
        };
        let change = self.lock_state().record_end(generation, end, self.runtime.now())?;
        let circuit = self.name();
        self.emit_and_wake(
            match &change {
                StateChange::Opened(_) => EventKind::CircuitOpened { circuit, by: self.open_for, elsewhere: false },
                StateChange::Closed(_) => EventKind::CircuitClosed { circuit, elsewhere: false },
            },
            trace,
        );
        Some(change)
    }

    /// Takes over an open period that another process has begun.
    pub(super) fn open_by_other(&self, period: OpenPeriod, trace: &Trace) {
        let by = period.until.since(self.runtime.now());
        if self.lock_state().open_by_other(period) {
            self.emit_and_wake(EventKind::CircuitOpened { circuit: self.name(), by, elsewhere: true }, trace);
        }
    }

    /// Closes the circuit if `period` is the id of its open period, as text. Called when another process has ended that
    /// period.
    pub(super) fn close_by_other(&self, period: &str, trace: &Trace) {
        if self.lock_state().close_by_other(|id| id.to_string() == period) {
            self.emit_and_wake(EventKind::CircuitClosed { circuit: self.name(), elsewhere: true }, trace);
        }
    }

    /// Lets an open period that another process began end now, so that the next attempt probes. Called when the store no
    /// longer has the record of the period.
    pub(super) fn expire_other(&self) {
        self.lock_state().expire_other(self.runtime.now());
    }

    /// Returns `true` for the id of the open period that ended last in this process.
    pub(super) fn has_ended(&self, period: &Version) -> bool {
        self.lock_state().has_ended(period)
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock_state().open_period().is_some()
    }

    /// Returns the id of the present open period if another process began it.
    pub(super) fn period_of_other(&self) -> Option<Version> {
        self.lock_state().open_period().filter(|open| !open.is_ours).map(|open| open.id)
    }

    pub(super) fn name(&self) -> Arc<str> {
        let (CircuitOwner::Stitch(name) | CircuitOwner::Host(name)) = &self.owner;
        name.clone()
    }

    /// Emits a change, and wakes the attempts whose requests are not sent yet, so that each checks whether it may still
    /// send.
    fn emit_and_wake(&self, change: EventKind, trace: &Trace) {
        trace.emit(change);
        let unsent = std::mem::take(&mut *self.lock_unsent());
        unsent.into_values().for_each(Waker::wake);
    }

    fn lock_state(&self) -> MutexGuard<'_, CircuitState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_unsent(&self) -> MutexGuard<'_, HashMap<u64, Waker>> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LocalCircuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCircuit")
            .field("owner", &self.owner)
            .field("state", &*self.lock_state())
            .finish_non_exhaustive()
    }
}
