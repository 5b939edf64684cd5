//! A fleet, as it is set up and run.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{Runtime as _, StoreLimits, StoreTime};

use super::clock::StoreClock;
use super::links::{Links, Ways};
use super::report::Record;
use super::worker::{Worker, WorkerRuntime};
use super::{Fault, FaultKind, FleetReport};
use crate::SimRuntime;
use crate::runtime::Random;

/// Several processes that share a store, simulated: the same seed gives the same run, to the microsecond.
///
/// * Each worker has a runtime, a way to the store and an API to call: a seam is built on these.
/// * A run takes as long as its steps take to compute, however long it lasts.
/// * Unless said otherwise there are 4 workers, each way to the store takes 0.2 to 1 ms, nothing is lost and nothing goes
///   wrong, and the store's clock runs as fast as the workers' and has another origin.
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
///     // Here a seam would be built on `worker.runtime()`, `worker.store()` and `worker.upstream()`.
///     worker.store().set(&Key::new("seen"), "yes".into(), None).await.expect("the store is well");
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
    ways: Ways,
    limits: StoreLimits,
    store_clock: (StoreTime, i32),
    walls_apart: Duration,
    timers_late: Range<Duration>,
    faults: Vec<(Duration, Fault)>,
    drawn: Vec<(usize, Vec<FaultKind>, Range<Duration>)>,
}

impl SimFleet {
    /// A fleet with everything that is random in it drawn from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let lasts = Duration::from_micros(200)..Duration::from_millis(1);
        Self {
            seed,
            workers: 4,
            ways: Ways { lasts, lost_requests: 0.0, lost_answers: 0.0 },
            limits: StoreLimits::unlimited(),
            store_clock: (StoreTime(86_400_000_000), 0),
            walls_apart: Duration::ZERO,
            timers_late: Duration::ZERO..Duration::ZERO,
            faults: Vec::new(),
            drawn: Vec::new(),
        }
    }

    /// So many processes.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// How long a request takes to the store, and an answer from there, each at random.
    #[must_use]
    pub fn way(mut self, lasts: Range<Duration>) -> Self {
        self.ways.lasts = lasts;
        self
    }

    /// What part of the requests to the store, and of its answers, is lost. What is lost is never answered; if it was the
    /// answer, the operation was done.
    #[must_use]
    pub fn loss(mut self, of_requests: f64, of_answers: f64) -> Self {
        (self.ways.lost_requests, self.ways.lost_answers) = (of_requests, of_answers);
        self
    }

    /// What the store's clock shows when the run begins, and how many parts per million it is faster than the workers'
    /// clock.
    #[must_use]
    pub fn store_clock(mut self, first: StoreTime, drift: i32) -> Self {
        self.store_clock = (first, drift);
        self
    }

    /// What the store says of itself, such as that it is volatile or how long to wait for it.
    #[must_use]
    pub fn store_limits(mut self, limits: StoreLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The wall clock of each worker is ahead of that of the one before it by this.
    #[must_use]
    pub fn walls_apart(mut self, by: Duration) -> Self {
        self.walls_apart = by;
        self
    }

    /// How much later than asked for a worker's sleep ends, at random.
    #[must_use]
    pub fn timers_late(mut self, by: Range<Duration>) -> Self {
        self.timers_late = by;
        self
    }

    /// Something goes wrong at this time of the run.
    #[must_use]
    pub fn fault(mut self, at: Duration, fault: Fault) -> Self {
        self.faults.push((at, fault));
        self
    }

    /// So many faults of these kinds, drawn from the seed, at times within this part of the run.
    #[must_use]
    pub fn draw_faults(mut self, faults: usize, of: &[FaultKind], within: Range<Duration>) -> Self {
        if !of.is_empty() {
            self.drawn.push((faults, of.to_vec(), within));
        }
        self
    }

    /// What goes wrong in a run, in order.
    #[must_use]
    pub fn faults(&self) -> Vec<(Duration, Fault)> {
        let mut random = Random::stream(self.seed, 1);
        let mut faults = self.faults.clone();
        for (count, kinds, within) in &self.drawn {
            for _ in 0..*count {
                let kind = kinds[random.below(kinds.len())];
                faults.push((random.between(within), kind.draw(&mut random, self.workers.max(1))));
            }
        }
        faults.sort_by_key(|(at, _)| *at);
        faults
    }

    /// Runs the fleet for so long: `process` is what each worker does. What is not finished by then is dropped.
    ///
    /// # Panics
    ///
    /// If a task panics, or a fault names a worker that is not there.
    pub fn run<F, P>(&self, lasts: Duration, process: F) -> FleetReport
    where
        F: Fn(Worker) -> P,
        P: Future<Output = ()> + Send + 'static,
    {
        let sim = SimRuntime::new(self.seed);
        let clock = StoreClock::new(&sim, self.store_clock.0, self.store_clock.1);
        let links = Arc::new(Links::new(&sim, clock, self.workers, self.ways.clone(), self.limits));
        let record = Arc::new(Record::new(sim.now()));
        let mut runtimes = Vec::with_capacity(self.workers);
        for number in 0..self.workers {
            let ahead = self.walls_apart * u32::try_from(number).unwrap_or(u32::MAX);
            let runtime = WorkerRuntime::new(&sim, ahead, self.timers_late.clone());
            let worker = Worker::new(number, runtime.clone(), links.clone(), record.clone());
            worker.spawn(process(worker.clone()));
            runtimes.push(runtime);
        }
        let faults = self.faults();
        sim.spawn(Box::pin(go_wrong(faults.clone(), runtimes, links)));
        sim.block_on(sim.sleep(lasts));
        sim.drop_tasks();
        FleetReport { seed: self.seed, workers: self.workers, faults, starts: record.take() }
    }
}

/// Lets the faults happen, each at its time.
async fn go_wrong(faults: Vec<(Duration, Fault)>, workers: Vec<WorkerRuntime>, links: Arc<Links>) {
    let sim = links.sim.clone();
    let begun = sim.now();
    for (at, fault) in faults {
        sim.sleep_until(begun + at).await;
        let now = sim.now();
        match fault {
            Fault::Flush => links.flush(),
            Fault::Restart { lasts, keeps_state } => {
                links.break_connections();
                links.refuse(now + lasts);
                if !keeps_state {
                    links.flush();
                }
            }
            Fault::FreezeStore(lasts) => links.freeze(now + lasts),
            Fault::Down(lasts) => links.refuse(now + lasts),
            Fault::Partial { workers, lasts } => links.cut_off(workers, now + lasts),
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
            Fault::StoreClockBack(by) => links.clock.set_back(by),
            Fault::StoreClockAhead(by) => links.clock.set_ahead(by),
        }
    }
}
