//! One process of a simulated fleet.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use stitchapi_core::{BoxFuture, Runtime, Tick};

use super::links::Links;
use super::report::{Record, Start};
use super::{SimStore, SimUpstream};
use crate::SimRuntime;
use crate::runtime::Random;

/// One process of a [`SimFleet`](super::SimFleet): what its seam is built on.
#[derive(Clone)]
pub struct Worker(Arc<Inner>);

struct Inner {
    number: usize,
    runtime: WorkerRuntime,
    links: Arc<Links>,
    record: Arc<Record>,
}

impl Worker {
    pub(super) fn new(number: usize, runtime: WorkerRuntime, links: Arc<Links>, record: Arc<Record>) -> Self {
        Self(Arc::new(Inner { number, runtime, links, record }))
    }

    /// Which one it is, from 0.
    #[must_use]
    pub fn number(&self) -> usize {
        self.0.number
    }

    /// Its time and its tasks, which stop with it.
    #[must_use]
    pub fn runtime(&self) -> WorkerRuntime {
        self.0.runtime.clone()
    }

    /// Its way to the store that all workers share.
    #[must_use]
    pub fn store(&self) -> SimStore {
        SimStore { links: self.0.links.clone(), worker: self.0.number }
    }

    /// The API that all workers call: it writes down every start.
    #[must_use]
    pub fn upstream(&self) -> SimUpstream {
        SimUpstream::new(self.clone())
    }

    /// Sleeps for so long. Must be polled by a task of this worker.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.runtime.sleep_until(self.0.runtime.now() + duration)
    }

    /// Runs `task` as a task of this worker.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.runtime.spawn(Box::pin(task));
    }

    /// Writes down that something starts now that draws one call and these units, for what is not sent through
    /// [`upstream`](Self::upstream).
    pub fn start(&self, units: impl IntoIterator<Item = (&'static str, u32)>) -> Start {
        let start = Start {
            worker: self.0.number,
            at: self.0.runtime.now().since(self.0.record.begun),
            units: units.into_iter().collect(),
        };
        self.0.record.push(start.clone());
        start
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Worker").field(&self.0.number).finish()
    }
}

/// The [`Runtime`] of one worker.
///
/// * `now` is the clock of the machine, which all workers share; the wall clock is the worker's own.
/// * While the worker is stopped nothing runs that was spawned here; once it is killed, nothing ever.
#[derive(Clone)]
pub struct WorkerRuntime(Arc<Process>);

struct Process {
    sim: SimRuntime,
    wall_ahead: Duration,
    /// How much later than asked for a sleep ends.
    late: Range<Duration>,
    state: Mutex<State>,
}

struct State {
    random: Random,
    stopped_until: Tick,
    is_killed: bool,
    /// Tasks that were to run while it was stopped.
    held: Vec<Waker>,
}

impl WorkerRuntime {
    pub(super) fn new(sim: &SimRuntime, wall_ahead: Duration, late: Range<Duration>) -> Self {
        let random = Random::new(sim.random());
        let state = State { random, stopped_until: Tick(0), is_killed: false, held: Vec::new() };
        Self(Arc::new(Process { sim: sim.clone(), wall_ahead, late, state: Mutex::new(state) }))
    }

    pub(super) fn stop_until(&self, until: Tick) {
        let mut state = self.0.state();
        state.stopped_until = state.stopped_until.max(until);
    }

    /// Goes on, unless it is stopped for longer.
    pub(super) fn resume(&self) {
        let held = {
            let mut state = self.0.state();
            if self.0.sim.now() < state.stopped_until {
                return;
            }
            std::mem::take(&mut state.held)
        };
        held.into_iter().for_each(Waker::wake);
    }

    pub(super) fn kill(&self) {
        let held = {
            let mut state = self.0.state();
            state.is_killed = true;
            std::mem::take(&mut state.held)
        };
        drop(held);
    }
}

impl Process {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a task may run now; if it may later, its waker is kept.
    fn runs(&self, waker: &Waker) -> bool {
        let mut state = self.state();
        if state.is_killed {
            return false;
        }
        let runs = self.sim.now() >= state.stopped_until;
        if !runs {
            state.held.push(waker.clone());
        }
        runs
    }
}

impl Runtime for WorkerRuntime {
    fn now(&self) -> Tick {
        self.0.sim.now()
    }
    fn wall(&self) -> SystemTime {
        self.0.sim.wall() + self.0.wall_ahead
    }
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        let late = self.0.state().random.between(&self.0.late);
        self.0.sim.sleep_until(if at > self.now() { at + late } else { at })
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.sim.spawn(Box::pin(Task { process: self.0.clone(), task }));
    }
    fn random(&self) -> u64 {
        self.0.state().random.next()
    }
    fn joins_callers(&self) -> bool {
        true
    }
}

impl fmt::Debug for WorkerRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerRuntime").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// A task that runs only while its process does.
struct Task {
    process: Arc<Process>,
    task: BoxFuture<'static, ()>,
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.process.runs(context.waker()) { self.task.as_mut().poll(context) } else { Poll::Pending }
    }
}
