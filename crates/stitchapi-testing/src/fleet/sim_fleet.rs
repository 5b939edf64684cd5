//! Set-up and run of a simulated fleet.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{Runtime as _, StoreLimits, StoreTime};

use super::clock::StoreClock;
use super::fault::{Fault, FaultKind};
use super::network::{Network, Quality};
use super::report::FleetReport;
use super::start::StartLog;
use super::worker::Worker;
use super::worker_runtime::WorkerRuntime;
use crate::random::Random;
use crate::runtime::SimRuntime;

/// Several simulated processes that share a store. One seed always gives the same run, to the microsecond.
///
/// * Each worker has a runtime, a connection to the store and an API to call: a seam is built on these.
/// * A run takes as long as its steps take to compute, however much virtual time it covers.
/// * Defaults: 4 workers; a latency of 0.2 to 1 ms for each way between worker and store; no losses and no faults; the
///   store's clock runs as fast as the workers' clock, from another origin.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::{Key, StitchStore as _};
/// use stitchapi_testing::{Fault, SimFleet};
///
/// let second = Duration::from_secs(1);
/// let fleet = SimFleet::new(7).workers(3).fault(second, Fault::Kill { worker: 0 });
/// let report = fleet.run(2 * second, |worker| async move {
///     // Build a seam here, on `worker.runtime()`, `worker.store()` and `worker.upstream()`.
///     worker.store().set(&Key::new("seen"), "yes".into(), None).await.expect("the store is available");
///     loop {
///         worker.start([]);
///         worker.sleep(Duration::from_millis(100)).await;
///     }
/// });
/// assert_eq!(report.per_worker(), [10, 20, 20]);
/// ```
#[derive(Debug, Clone)]
pub struct SimFleet {
    seed: u64,
    workers: usize,
    quality: Quality,
    limits: StoreLimits,
    /// First reading and drift of the store's clock.
    store_clock: (StoreTime, i32),
    wall_clock_step: Duration,
    timer_lag: Range<Duration>,
    faults: Vec<(Duration, Fault)>,
    /// Random faults: number, kinds and part of the run.
    random_faults: Vec<(usize, Vec<FaultKind>, Range<Duration>)>,
}

impl SimFleet {
    /// Creates a fleet whose random numbers all follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let latency = Duration::from_micros(200)..Duration::from_millis(1);
        Self {
            seed,
            workers: 4,
            quality: Quality { latency, lost_requests: 0.0, lost_responses: 0.0 },
            limits: StoreLimits::unlimited(),
            store_clock: (StoreTime(86_400_000_000), 0),
            wall_clock_step: Duration::ZERO,
            timer_lag: Duration::ZERO..Duration::ZERO,
            faults: Vec::new(),
            random_faults: Vec::new(),
        }
    }

    /// Sets the number of workers.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Sets the latency of one way between a worker and the store, drawn at random for each request and each response.
    #[must_use]
    pub fn latency(mut self, one_way: Range<Duration>) -> Self {
        self.quality.latency = one_way;
        self
    }

    /// Sets the probability that a request to the store is lost, and that its response is.
    ///
    /// In both cases the caller receives nothing. If only the response is lost, the operation was done.
    #[must_use]
    pub fn loss(mut self, of_requests: f64, of_responses: f64) -> Self {
        (self.quality.lost_requests, self.quality.lost_responses) = (of_requests, of_responses);
        self
    }

    /// Sets the reading of the store's clock at the beginning of the run, and how much faster it is than the workers'
    /// clock, in parts per million.
    #[must_use]
    pub fn store_clock(mut self, first: StoreTime, drift: i32) -> Self {
        self.store_clock = (first, drift);
        self
    }

    /// Sets what the store states about itself, such as that it is volatile or its timeout.
    #[must_use]
    pub fn store_limits(mut self, limits: StoreLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how far the wall clock of each worker is ahead of that of the worker before it.
    #[must_use]
    pub fn wall_clock_step(mut self, ahead: Duration) -> Self {
        self.wall_clock_step = ahead;
        self
    }

    /// Sets how much later than requested a worker's sleep ends, drawn at random for each sleep.
    #[must_use]
    pub fn timer_lag(mut self, lag: Range<Duration>) -> Self {
        self.timer_lag = lag;
        self
    }

    /// Adds a fault at this time of the run.
    #[must_use]
    pub fn fault(mut self, at: Duration, fault: Fault) -> Self {
        self.faults.push((at, fault));
        self
    }

    /// Adds `count` faults of these kinds, drawn from the seed, at times within a part of the run.
    #[must_use]
    pub fn random_faults(mut self, count: usize, kinds: &[FaultKind], within: Range<Duration>) -> Self {
        if !kinds.is_empty() {
            self.random_faults.push((count, kinds.to_vec(), within));
        }
        self
    }

    /// Returns all faults of a run, in order of time.
    #[must_use]
    pub fn faults(&self) -> Vec<(Duration, Fault)> {
        let mut random = Random::stream(self.seed, 1);
        let mut faults = self.faults.clone();
        for (count, kinds, within) in &self.random_faults {
            for _ in 0..*count {
                let kind = kinds[random.below(kinds.len())];
                faults.push((random.between(within), kind.draw(&mut random, self.workers.max(1))));
            }
        }
        faults.sort_by_key(|(at, _)| *at);
        faults
    }

    /// Runs the fleet for `duration` of virtual time. `process` returns what a worker does.
    ///
    /// Tasks that are unfinished at the end are dropped.
    ///
    /// # Panics
    ///
    /// If a task panics, or a fault names a worker that does not exist.
    pub fn run<F, P>(&self, duration: Duration, process: F) -> FleetReport
    where
        F: Fn(Worker) -> P,
        P: Future<Output = ()> + Send + 'static,
    {
        let sim = SimRuntime::new(self.seed);
        let clock = StoreClock::new(&sim, self.store_clock.0, self.store_clock.1);
        let network = Arc::new(Network::new(&sim, clock, self.workers, self.quality.clone(), self.limits));
        let log = Arc::new(StartLog::new(sim.now()));
        let mut runtimes = Vec::with_capacity(self.workers);
        for number in 0..self.workers {
            let wall_offset = self.wall_clock_step * u32::try_from(number).unwrap_or(u32::MAX);
            let runtime = WorkerRuntime::new(&sim, wall_offset, self.timer_lag.clone());
            let worker = Worker::new(number, runtime.clone(), network.clone(), log.clone());
            worker.spawn(process(worker.clone()));
            runtimes.push(runtime);
        }
        let faults = self.faults();
        sim.spawn(Box::pin(inject_faults(faults.clone(), runtimes, network)));
        sim.block_on(sim.sleep(duration));
        sim.drop_tasks();
        FleetReport { seed: self.seed, workers: self.workers, faults, starts: log.take() }
    }
}

/// Injects each fault at its time.
async fn inject_faults(faults: Vec<(Duration, Fault)>, workers: Vec<WorkerRuntime>, network: Arc<Network>) {
    let sim = network.sim.clone();
    let begun = sim.now();
    for (at, fault) in faults {
        sim.sleep_until(begun + at).await;
        let now = sim.now();
        match fault {
            Fault::Flush => network.flush(),
            Fault::Restart { lasts, keeps_state } => {
                network.break_connections();
                network.refuse(now + lasts);
                if !keeps_state {
                    network.flush();
                }
            }
            Fault::FreezeStore(lasts) => network.freeze(now + lasts),
            Fault::Down(lasts) => network.refuse(now + lasts),
            Fault::Partial { workers, lasts } => network.cut_off(workers, now + lasts),
            Fault::Freeze { worker, lasts } => {
                let worker = workers[worker].clone();
                worker.stop_until(now + lasts);
                let sleep = sim.sleep(lasts);
                sim.spawn(Box::pin(async move {
                    sleep.await;
                    worker.resume();
                }));
            }
            Fault::Kill { worker } => workers[worker].kill(),
            Fault::StoreClockBack(by) => network.clock.set_back(by),
            Fault::StoreClockAhead(by) => network.clock.set_ahead(by),
        }
    }
}
