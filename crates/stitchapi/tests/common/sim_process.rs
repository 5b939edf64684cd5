//! Simulated processes: each can be stopped, for a time or for good.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use stitchapi::{BoxFuture, Runtime, Tick};
use stitchapi_testing::SimRuntime;

/// Runtime of one process of a simulated machine. None of its futures makes progress while the process is stopped.
#[derive(Debug, Clone)]
pub struct SimProcess {
    sim: SimRuntime,
    state: Arc<Mutex<State>>,
    /// Offset of the process's wall clock.
    wall_clock_ahead: Duration,
}

#[derive(Debug, Default)]
struct State {
    is_stopped: bool,
    /// Wakers of the futures that were polled while the process was stopped.
    waiting: Vec<Waker>,
}

impl SimProcess {
    /// Creates a running process whose wall clock is that of `sim`.
    pub fn new(sim: &SimRuntime) -> Self {
        Self { sim: sim.clone(), state: Arc::default(), wall_clock_ahead: Duration::ZERO }
    }

    /// Sets the process's wall clock ahead of that of the machine.
    pub fn wall_clock_ahead(mut self, by: Duration) -> Self {
        self.wall_clock_ahead = by;
        self
    }

    /// Stops the process. A process that is never resumed stands for a killed one.
    pub fn stop(&self) {
        self.state.lock().unwrap().is_stopped = true;
    }

    /// Resumes a stopped process.
    pub fn resume(&self) {
        let waiting = {
            let mut state = self.state.lock().unwrap();
            state.is_stopped = false;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Runs `future` as part of the process.
    pub fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> BoxFuture<'static, T> {
        let (state, mut future) = (self.state.clone(), Box::pin(future));
        Box::pin(poll_fn(move |context| {
            let mut guard = state.lock().unwrap();
            if guard.is_stopped {
                guard.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
            drop(guard);
            future.as_mut().poll(context)
        }))
    }
}

impl Runtime for SimProcess {
    fn now(&self) -> Tick {
        self.sim.now()
    }
    fn wall(&self) -> SystemTime {
        self.sim.wall() + self.wall_clock_ahead
    }
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        self.sim.sleep_until(at)
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.sim.spawn(self.run(task));
    }
    fn random(&self) -> u64 {
        self.sim.random()
    }
    fn joins_callers(&self) -> bool {
        true
    }
}

/// Runs `future` to its end.
///
/// # Panics
///
/// The future takes longer than a minute of virtual time.
pub fn within_a_minute<F: Future>(sim: &SimRuntime, future: F) -> F::Output {
    let timeout = sim.sleep(Duration::from_secs(60));
    match sim.block_on(futures_util::future::select(Box::pin(future), timeout)) {
        futures_util::future::Either::Left((output, _)) => output,
        futures_util::future::Either::Right(_) => panic!("the future did not end within a minute"),
    }
}
