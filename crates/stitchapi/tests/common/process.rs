//! Processes inside a test: each can be killed or frozen.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use stitchapi::{BoxFuture, Runtime, Tick};
use stitchapi_testing::SimRuntime;

/// The runtime of one process of a simulated machine. Nothing that it runs goes on while it is stopped.
#[derive(Debug, Clone)]
pub struct Process {
    sim: SimRuntime,
    state: Arc<Mutex<State>>,
    /// How far its wall clock is ahead.
    ahead: Duration,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    waiting: Vec<Waker>,
}

impl Process {
    pub fn on(sim: &SimRuntime) -> Self {
        Self { sim: sim.clone(), state: Arc::default(), ahead: Duration::ZERO }
    }

    /// Its wall clock is this much ahead of everybody's.
    pub fn ahead(mut self, by: Duration) -> Self {
        self.ahead = by;
        self
    }

    /// Stops it: for good if nobody resumes it.
    pub fn stop(&self) {
        self.state.lock().unwrap().stopped = true;
    }

    pub fn resume(&self) {
        let waiting = {
            let mut state = self.state.lock().unwrap();
            state.stopped = false;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Runs `future` as a part of this process.
    pub fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> BoxFuture<'static, T> {
        let (state, mut future) = (self.state.clone(), Box::pin(future));
        Box::pin(poll_fn(move |context| {
            let mut held = state.lock().unwrap();
            if held.stopped {
                held.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
            drop(held);
            future.as_mut().poll(context)
        }))
    }
}

impl Runtime for Process {
    fn now(&self) -> Tick {
        self.sim.now()
    }
    fn wall(&self) -> SystemTime {
        self.sim.wall() + self.ahead
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

/// Runs `future`, for at most a minute of the simulated time.
pub fn within_a_minute<F: Future>(sim: &SimRuntime, future: F) -> F::Output {
    let late = sim.sleep(Duration::from_secs(60));
    match sim.block_on(futures_util::future::select(Box::pin(future), late)) {
        futures_util::future::Either::Left((output, _)) => output,
        futures_util::future::Either::Right(_) => panic!("no end within a minute"),
    }
}
