//! A clock that a test sets back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use stitchapi_core::{BoxFuture, Runtime, Tick, micros_up};
use stitchapi_testing::SimRuntime;

/// The virtual clock, minus what it was set back by.
#[derive(Debug)]
pub(crate) struct SettableClock {
    sim: SimRuntime,
    /// In microseconds.
    set_back: AtomicU64,
}

impl SettableClock {
    pub(crate) fn new(sim: SimRuntime) -> Self {
        Self { sim, set_back: AtomicU64::new(0) }
    }

    pub(crate) fn set_back(&self, by: Duration) {
        self.set_back.fetch_add(micros_up(by), Ordering::Relaxed);
    }
}

impl Runtime for SettableClock {
    fn now(&self) -> Tick {
        self.sim.now() - Duration::from_micros(self.set_back.load(Ordering::Relaxed))
    }
    fn wall(&self) -> SystemTime {
        self.sim.wall()
    }
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        self.sim.sleep_until(at)
    }
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.sim.spawn(task);
    }
    fn random(&self) -> u64 {
        self.sim.random()
    }
    fn joins_callers(&self) -> bool {
        true
    }
}
