//! The store that all workers share, and the network between them.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_channel::oneshot;
use stitchapi_core::{
    Cells as _, Change, Key, MemoryStore, Runtime as _, StoreError, StoreErrorKind, StoreLimits, StoreTime, Tick,
};

use super::clock::StoreClock;
use crate::random::Random;
use crate::runtime::SimRuntime;

/// Name of the simulated store.
pub(super) const NAME: &str = "simulated";

/// Latency and loss between a worker and the store while there is no fault.
#[derive(Debug, Clone)]
pub(super) struct Quality {
    /// Latency of one way.
    pub(super) latency: Range<Duration>,
    /// Probability that a request is lost.
    pub(super) lost_requests: f64,
    /// Probability that a response is lost.
    pub(super) lost_responses: f64,
}

/// The store and the network of one run.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) sim: SimRuntime,
    pub(super) limits: StoreLimits,
    pub(super) clock: Arc<StoreClock>,
    quality: Quality,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    memory: MemoryStore,
    random: Random,
    frozen_until: Tick,
    down_until: Tick,
    /// Until when each worker is cut off.
    cut_off_until: Vec<Tick>,
    /// Incremented when all connections break.
    connection: u64,
}

impl Network {
    pub(super) fn new(
        sim: &SimRuntime,
        clock: StoreClock,
        workers: usize,
        quality: Quality,
        limits: StoreLimits,
    ) -> Self {
        let clock = Arc::new(clock);
        let state = State {
            memory: MemoryStore::with_clock_of(clock.clone()),
            random: Random::new(sim.random()),
            frozen_until: Tick(0),
            down_until: Tick(0),
            cut_off_until: vec![Tick(0); workers],
            connection: 0,
        };
        Self { sim: sim.clone(), limits, clock, quality, state: Mutex::new(state) }
    }

    /// Carries one operation of a worker to the store and its response back.
    ///
    /// It is a task of its own: once sent, an operation continues whatever happens to the worker. If the request or the
    /// response is lost, `response` is dropped.
    pub(super) async fn carry<R, F>(
        self: Arc<Self>,
        worker: usize,
        key: Key,
        step: F,
        response: oneshot::Sender<Result<R, StoreError>>,
    ) where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        let connection = self.lock_state().connection;
        let Some(latency) = self.draw_latency(worker, self.quality.lost_requests) else { return };
        self.sim.sleep(latency).await;
        let outcome = match self.wait_for_store(connection).await {
            Ok(memory) => memory.update(&key, step).await,
            Err(error) => Err(error),
        };
        let Some(latency) = self.draw_latency(worker, self.quality.lost_responses) else { return };
        self.sim.sleep(latency).await;
        let is_broken = self.lock_state().connection != connection;
        let outcome = if is_broken { Err(unavailable_error("the connection broke")) } else { outcome };
        // The worker may no longer wait for it.
        drop(response.send(outcome));
    }

    /// Draws the latency of a message that is sent now; `None` if the message is lost.
    fn draw_latency(&self, worker: usize, loss: f64) -> Option<Duration> {
        let now = self.sim.now();
        let mut state = self.lock_state();
        let is_cut_off = state.cut_off_until.get(worker).is_some_and(|until| now < *until);
        let is_lost = state.random.chance(loss);
        let latency = state.random.between(&self.quality.latency);
        (!is_cut_off && !is_lost).then_some(latency)
    }

    /// Waits while the store is frozen, and returns it, or the error of a store that refuses the operation.
    async fn wait_for_store(&self, connection: u64) -> Result<MemoryStore, StoreError> {
        loop {
            let frozen_until = {
                let (now, state) = (self.sim.now(), self.lock_state());
                if state.connection != connection {
                    return Err(unavailable_error("the connection broke"));
                }
                if now >= state.frozen_until {
                    if now < state.down_until {
                        return Err(unavailable_error("the store refuses connections"));
                    }
                    return Ok(state.memory.clone());
                }
                state.frozen_until
            };
            self.sim.sleep_until(frozen_until).await;
        }
    }

    pub(super) fn flush(&self) {
        self.lock_state().memory = MemoryStore::with_clock_of(self.clock.clone());
    }

    pub(super) fn freeze(&self, until: Tick) {
        let mut state = self.lock_state();
        state.frozen_until = state.frozen_until.max(until);
    }

    pub(super) fn refuse(&self, until: Tick) {
        let mut state = self.lock_state();
        state.down_until = state.down_until.max(until);
    }

    pub(super) fn break_connections(&self) {
        self.lock_state().connection += 1;
    }

    /// Cuts off `workers` workers, chosen at random.
    pub(super) fn cut_off(&self, workers: usize, until: Tick) {
        let mut state = self.lock_state();
        let mut candidates: Vec<usize> = (0..state.cut_off_until.len()).collect();
        for _ in 0..workers.min(candidates.len()) {
            let pick = state.random.below(candidates.len());
            let worker = candidates.swap_remove(pick);
            state.cut_off_until[worker] = state.cut_off_until[worker].max(until);
        }
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable_error(reason: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, NAME, "update").with_reason(reason)
}
