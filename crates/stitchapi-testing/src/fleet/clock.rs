//! The clock of the simulated store.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use stitchapi_core::{BoxFuture, Runtime, StoreTime, Tick, micros_up};

use crate::runtime::SimRuntime;

/// Clock with an origin and a speed of its own, which can be set ahead and back.
#[derive(Debug)]
pub(super) struct StoreClock {
    sim: SimRuntime,
    /// Beginning of the run.
    begun: Tick,
    /// Reading at the beginning of the run.
    first: StoreTime,
    /// How much faster it is than the workers' clock, in parts per million.
    drift: i32,
    /// Sum of all adjustments, in microseconds.
    adjusted: AtomicI64,
}

impl StoreClock {
    pub(super) fn new(sim: &SimRuntime, first: StoreTime, drift: i32) -> Self {
        Self { sim: sim.clone(), begun: sim.now(), first, drift, adjusted: AtomicI64::new(0) }
    }

    pub(super) fn set_ahead(&self, by: Duration) {
        self.adjusted.fetch_add(micros(by), Ordering::Relaxed);
    }

    pub(super) fn set_back(&self, by: Duration) {
        self.adjusted.fetch_sub(micros(by), Ordering::Relaxed);
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(micros_up(duration)).unwrap_or(i64::MAX)
}

/// The memory store reads its clock through a [`Runtime`]; it uses nothing else of it.
impl Runtime for StoreClock {
    fn now(&self) -> Tick {
        let passed = i128::from(self.sim.now().0) - i128::from(self.begun.0);
        let reading = i128::from(self.first.0)
            + passed
            + passed * i128::from(self.drift) / 1_000_000
            + i128::from(self.adjusted.load(Ordering::Relaxed));
        Tick(u64::try_from(reading.max(0)).unwrap_or(u64::MAX))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_drifts_and_can_be_set() {
        let sim = SimRuntime::new(1);
        let clock = StoreClock::new(&sim, StoreTime(5_000_000), 100);
        assert_eq!(clock.now(), Tick(5_000_000));
        sim.block_on(sim.sleep(Duration::from_secs(10)));
        assert_eq!(clock.now(), Tick(15_001_000));
        clock.set_back(Duration::from_secs(2));
        clock.set_ahead(Duration::from_millis(1));
        assert_eq!(clock.now(), Tick(13_002_000));
    }
}
