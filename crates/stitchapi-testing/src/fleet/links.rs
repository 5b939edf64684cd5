//! The store that all workers share, and the ways to it.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_channel::oneshot;
use stitchapi_core::{
    Cells as _, Change, Key, MemoryStore, Runtime as _, StoreError, StoreErrorKind, StoreLimits, StoreTime, Tick,
};

use super::clock::StoreClock;
use crate::SimRuntime;
use crate::runtime::Random;

/// The name that the store tells.
pub(super) const NAME: &str = "simulated";

/// How the ways to the store are, when nothing is wrong.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    pub(super) lasts: Range<Duration>,
    /// How likely a request is lost.
    pub(super) lost_requests: f64,
    /// How likely an answer is lost.
    pub(super) lost_answers: f64,
}

/// The store and the network of one run.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) sim: SimRuntime,
    pub(super) limits: StoreLimits,
    pub(super) clock: Arc<StoreClock>,
    ways: Ways,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    memory: MemoryStore,
    random: Random,
    frozen_until: Tick,
    down_until: Tick,
    /// Of each worker.
    cut_until: Vec<Tick>,
    /// Goes up when all connections break.
    connections: u64,
}

impl Links {
    pub(super) fn new(sim: &SimRuntime, clock: StoreClock, workers: usize, ways: Ways, limits: StoreLimits) -> Self {
        let clock = Arc::new(clock);
        let state = State {
            memory: MemoryStore::on(clock.clone()),
            random: Random::new(sim.random()),
            frozen_until: Tick(0),
            down_until: Tick(0),
            cut_until: vec![Tick(0); workers],
            connections: 0,
        };
        Self { sim: sim.clone(), limits, clock, ways, state: Mutex::new(state) }
    }

    /// Takes one operation of a worker there and its answer back. It is nobody's once it has been sent: whatever becomes of
    /// the worker, it goes on. What is lost on the way drops `answer`.
    pub(super) async fn carry<R, F>(
        self: Arc<Self>,
        worker: usize,
        key: Key,
        step: F,
        answer: oneshot::Sender<Result<R, StoreError>>,
    ) where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        let connection = self.state().connections;
        let Some(there) = self.way(worker, self.ways.lost_requests) else { return };
        self.sim.sleep(there).await;
        let outcome = match self.arrive(connection).await {
            Ok(memory) => memory.update(&key, step).await,
            Err(error) => Err(error),
        };
        let Some(back) = self.way(worker, self.ways.lost_answers) else { return };
        self.sim.sleep(back).await;
        let is_broken = self.state().connections != connection;
        let outcome = if is_broken { Err(unavailable("the connection broke")) } else { outcome };
        // Whoever waited may have given up.
        drop(answer.send(outcome));
    }

    /// How long one way takes; `None` if what is sent now is lost.
    fn way(&self, worker: usize, loss: f64) -> Option<Duration> {
        let now = self.sim.now();
        let mut state = self.state();
        let is_cut = state.cut_until.get(worker).is_some_and(|until| now < *until);
        let is_lost = state.random.happens(loss);
        let way = state.random.between(&self.ways.lasts);
        (!is_cut && !is_lost).then_some(way)
    }

    /// The store as it is when it takes a request in.
    async fn arrive(&self, connection: u64) -> Result<MemoryStore, StoreError> {
        loop {
            let frozen_until = {
                let (now, state) = (self.sim.now(), self.state());
                if state.connections != connection {
                    return Err(unavailable("the connection broke"));
                }
                if now >= state.frozen_until {
                    if now < state.down_until {
                        return Err(unavailable("it refuses connections"));
                    }
                    return Ok(state.memory.clone());
                }
                state.frozen_until
            };
            self.sim.sleep_until(frozen_until).await;
        }
    }

    pub(super) fn flush(&self) {
        self.state().memory = MemoryStore::on(self.clock.clone());
    }

    pub(super) fn freeze(&self, until: Tick) {
        let mut state = self.state();
        state.frozen_until = state.frozen_until.max(until);
    }

    pub(super) fn refuse(&self, until: Tick) {
        let mut state = self.state();
        state.down_until = state.down_until.max(until);
    }

    pub(super) fn break_connections(&self) {
        self.state().connections += 1;
    }

    /// Cuts off so many workers.
    pub(super) fn cut_off(&self, workers: usize, until: Tick) {
        let mut state = self.state();
        let mut others: Vec<usize> = (0..state.cut_until.len()).collect();
        for _ in 0..workers.min(others.len()) {
            let pick = state.random.below(others.len());
            let worker = others.swap_remove(pick);
            state.cut_until[worker] = state.cut_until[worker].max(until);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable(reason: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, NAME, "update").with_reason(reason)
}
