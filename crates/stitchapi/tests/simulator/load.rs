//! The load of a simulated fleet: when its tasks make calls, and what the calls cost.

use std::time::Duration;

use futures_util::future::select;
use stitchapi::trace::{Event, sink_fn};
use stitchapi::{Cost, Runtime as _, Seam, Stitch, Throttle, Tick, decode};
use stitchapi_testing::Worker;

use crate::outage_tracker::OutageTracker;
use crate::settings::{SEED, number};

/// Pattern in which each task of a worker makes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallPattern {
    /// One call after the other.
    Steady,
    /// One call after the other, with random pauses of up to this duration.
    Paused(Duration),
    /// All tasks call at once, at intervals of this duration.
    Crowds(Duration),
    /// Each call is dropped after a random time of up to this duration.
    Dropped(Duration),
    /// Each call has this `max_wait`.
    MaxWait(Duration),
}

/// Random cost of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Costs {
    /// One call.
    One,
    /// From one call up to this number of calls.
    Calls(u32),
    /// One call, and from one token up to this number of tokens.
    Tokens(u32),
}

/// Load of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Number of concurrent tasks.
    pub(crate) tasks: usize,
    pub(crate) pattern: CallPattern,
    pub(crate) costs: Costs,
}

impl Costs {
    /// Returns the maximum cost of a call in a unit.
    pub(crate) fn max(self, unit: &str) -> u32 {
        match (self, unit) {
            (Self::Calls(max), "calls") | (Self::Tokens(max), "tokens") => max,
            _ => 1,
        }
    }

    /// Returns a random cost in calls and in tokens.
    fn draw(self, random: u64) -> (u32, u32) {
        let up_to = |max: u32| 1 + u32::try_from(random % u64::from(max)).unwrap();
        match self {
            Self::One => (1, 0),
            Self::Calls(max) => (up_to(max), 0),
            Self::Tokens(max) => (1, up_to(max)),
        }
    }
}

/// Spawns the tasks of a worker, on a seam with this throttle.
///
/// `change` replaces the throttle after a time, as the deployment of a new version does.
pub(crate) fn spawn_tasks(
    worker: &Worker,
    throttle: Throttle,
    change: Option<(Duration, Throttle)>,
    load: Load,
    outages: &OutageTracker,
) {
    let begun = worker.runtime().now();
    let old = stitch(worker, throttle, outages.clone());
    let new = change.map(|(after, throttle)| (begun + after, stitch(worker, throttle, outages.clone())));
    for _ in 0..load.tasks {
        worker.spawn(run_task(worker.clone(), old.clone(), new.clone(), load));
    }
}

/// Declares the stitch of a worker. The upstream reads the cost of a call from its headers.
fn stitch(worker: &Worker, throttle: Throttle, outages: OutageTracker) -> Stitch<(), ()> {
    let api = worker.upstream().costing(|request| {
        let header =
            |name: &str| request.headers().get(name).map_or(0, |units| units.to_str().unwrap().parse().unwrap());
        match (header("x-calls"), header("x-tokens")) {
            (0, 0) => Vec::new(),
            (calls, tokens) => vec![("calls", calls), ("tokens", tokens)],
        }
    });
    let (worker_number, begun, is_shown) = (worker.number(), worker.runtime().now(), number(SEED).is_some());
    let sink = sink_fn(move |event: &Event| {
        outages.observe(worker_number, event);
        if is_shown {
            println!("{} us  worker {worker_number}  {:?}", event.at.since(begun).as_micros(), event.kind);
        }
    });
    let seam = Seam::builder("https://api.example.com").runtime(worker.runtime()).store(worker.store()).transport(api);
    let seam = seam.throttle(throttle).deadline(Duration::from_secs(600)).sink(sink).build().unwrap();
    seam.get("/").build_with(decode::empty).unwrap()
}

/// Makes the calls of one task, until the worker ends.
async fn run_task(worker: Worker, old: Stitch<(), ()>, new: Option<(Tick, Stitch<(), ()>)>, load: Load) {
    let up_to = |max: Duration| Duration::from_micros(worker.runtime().random() % max.as_micros() as u64);
    let mut next_crowd = worker.runtime().now();
    loop {
        let new = new.as_ref().filter(|(from, _)| worker.runtime().now() >= *from);
        let mut call = new.map_or(&old, |(_, new)| new).call(());
        let (calls, tokens) = load.costs.draw(worker.runtime().random());
        if load.costs != Costs::One {
            call = call.cost(Cost::new(calls).and("tokens", tokens));
            call = call.header("x-calls", &calls.to_string()).header("x-tokens", &tokens.to_string());
        }
        match load.pattern {
            CallPattern::Steady => call.await.unwrap(),
            CallPattern::Paused(max) => {
                call.await.unwrap();
                worker.sleep(up_to(max)).await;
            }
            CallPattern::Crowds(interval) => {
                call.await.unwrap();
                next_crowd = next_crowd + interval;
                worker.runtime().sleep_until(next_crowd).await;
            }
            CallPattern::Dropped(max) => {
                let dropped = worker.sleep(up_to(max));
                let completed = std::pin::pin!(async { call.await.unwrap() });
                select(completed, dropped).await;
            }
            CallPattern::MaxWait(max) => {
                if call.max_wait(max).await.is_err() {
                    // A rejected call takes no time. Without a pause the loop would not let time advance.
                    worker.sleep(up_to(Duration::from_millis(20))).await;
                }
            }
        }
    }
}
