//! The runtime of one simulated process.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use stitchapi_core::{BoxFuture, Runtime, Tick};

use crate::random::Random;
use crate::runtime::SimRuntime;

/// [`Runtime`] of one worker of a [`SimFleet`](super::SimFleet).
///
/// * `now` is the machine's clock, which all workers share. `wall` is the worker's own wall clock.
/// * While the worker is stopped, none of the tasks spawned here runs. After it was killed, they never run again.
///
/// [`Worker::runtime`](super::Worker::runtime) returns it; see [`SimFleet`](super::SimFleet) for an example.
#[derive(Clone)]
pub struct WorkerRuntime(Arc<Process>);

struct Process {
    sim: SimRuntime,
    /// How far the worker's wall clock is ahead.
    wall_offset: Duration,
    /// How much later than requested a sleep ends.
    timer_lag: Range<Duration>,
    state: Mutex<State>,
}

struct State {
    random: Random,
    stopped_until: Tick,
    is_killed: bool,
    /// Wakers of the tasks that were polled while the worker was stopped.
    stopped: Vec<Waker>,
}

impl WorkerRuntime {
    pub(super) fn new(sim: &SimRuntime, wall_offset: Duration, timer_lag: Range<Duration>) -> Self {
        let random = Random::new(sim.random());
        let state = State { random, stopped_until: Tick(0), is_killed: false, stopped: Vec::new() };
        Self(Arc::new(Process { sim: sim.clone(), wall_offset, timer_lag, state: Mutex::new(state) }))
    }

    pub(super) fn stop_until(&self, until: Tick) {
        let mut state = self.0.lock_state();
        state.stopped_until = state.stopped_until.max(until);
    }

    /// Wakes the tasks of a stopped worker, unless a later stop still lasts.
    pub(super) fn resume(&self) {
        let stopped = {
            let mut state = self.0.lock_state();
            if self.0.sim.now() < state.stopped_until {
                return;
            }
            std::mem::take(&mut state.stopped)
        };
        stopped.into_iter().for_each(Waker::wake);
    }

    pub(super) fn kill(&self) {
        let stopped = {
            let mut state = self.0.lock_state();
            state.is_killed = true;
            std::mem::take(&mut state.stopped)
        };
        drop(stopped);
    }

    /// Sleeps for `duration` of the machine's clock.
    pub(super) fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now() + duration)
    }
}

impl Process {
    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `true` if a task may run now. Keeps its waker if it may run later.
    fn may_run(&self, waker: &Waker) -> bool {
        let mut state = self.lock_state();
        if state.is_killed {
            return false;
        }
        let may_run = self.sim.now() >= state.stopped_until;
        if !may_run {
            state.stopped.push(waker.clone());
        }
        may_run
    }
}

impl Runtime for WorkerRuntime {
    fn now(&self) -> Tick {
        self.0.sim.now()
    }
    fn wall(&self) -> SystemTime {
        self.0.sim.wall() + self.0.wall_offset
    }
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        let lag = self.0.lock_state().random.between(&self.0.timer_lag);
        self.0.sim.sleep_until(if at > self.now() { at + lag } else { at })
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.sim.spawn(Box::pin(ProcessTask { process: self.0.clone(), task }));
    }
    fn random(&self) -> u64 {
        self.0.lock_state().random.next()
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

/// Task that runs only while its process does.
struct ProcessTask {
    process: Arc<Process>,
    task: BoxFuture<'static, ()>,
}

impl Future for ProcessTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.process.may_run(context.waker()) { self.task.as_mut().poll(context) } else { Poll::Pending }
    }
}
