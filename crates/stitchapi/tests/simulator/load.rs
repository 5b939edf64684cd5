//! What the workers of a fleet do.

use std::time::Duration;

use futures_util::future::select;
use stitchapi::trace::{Event, sink_fn};
use stitchapi::{Cost, Runtime as _, Seam, Stitch, Throttle, Tick, decode};
use stitchapi_testing::Worker;

use crate::alone::Alone;
use crate::{SEED, number};

/// How the tasks of a worker call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    /// One after the other.
    Steady,
    /// With pauses of up to this.
    Paused(Duration),
    /// All at once, again and again, this far apart.
    Crowds(Duration),
    /// Each of them leaves after up to this.
    Leaving(Duration),
    /// None of them waits longer than this.
    Impatient(Duration),
}

/// How much a call costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Costs {
    One,
    /// So many calls at most.
    Calls(u32),
    /// And so many tokens at most.
    Tokens(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) tasks: usize,
    pub(crate) calls: Calls,
    pub(crate) costs: Costs,
}

impl Costs {
    /// What a call draws of a unit at most.
    pub(crate) fn most(self, unit: &str) -> u32 {
        match (self, unit) {
            (Self::Calls(most), "calls") | (Self::Tokens(most), "tokens") => most,
            _ => 1,
        }
    }

    fn draw(self, random: u64) -> (u32, u32) {
        let up_to = |most: u32| 1 + u32::try_from(random % u64::from(most)).unwrap();
        match self {
            Self::One => (1, 0),
            Self::Calls(most) => (up_to(most), 0),
            Self::Tokens(most) => (1, up_to(most)),
        }
    }
}

/// Makes the calls of this worker, on a seam of this throttle; from a time on, on one of another, as a new version would.
pub(crate) fn work(
    worker: &Worker,
    throttle: Throttle,
    change: Option<(Duration, Throttle)>,
    load: Load,
    alone: &Alone,
) {
    let begun = worker.runtime().now();
    let old = stitch(worker, throttle, alone.clone());
    let new = change.map(|(after, throttle)| (begun + after, stitch(worker, throttle, alone.clone())));
    for _ in 0..load.tasks {
        worker.spawn(call(worker.clone(), old.clone(), new.clone(), load));
    }
}

fn stitch(worker: &Worker, throttle: Throttle, alone: Alone) -> Stitch<(), ()> {
    let api = worker.upstream().costing(|request| {
        let of = |name: &str| request.headers().get(name).map_or(0, |units| units.to_str().unwrap().parse().unwrap());
        match (of("x-calls"), of("x-tokens")) {
            (0, 0) => Vec::new(),
            (calls, tokens) => vec![("calls", calls), ("tokens", tokens)],
        }
    });
    let (worker_number, begun, is_shown) = (worker.number(), worker.runtime().now(), number(SEED).is_some());
    let sink = sink_fn(move |event: &Event| {
        alone.sees(worker_number, event);
        if is_shown {
            println!("{} us  worker {worker_number}  {:?}", event.at.since(begun).as_micros(), event.kind);
        }
    });
    let seam = Seam::builder("https://api.example.com").runtime(worker.runtime()).store(worker.store()).transport(api);
    let seam = seam.throttle(throttle).deadline(Duration::from_secs(600)).sink(sink).build().unwrap();
    seam.get("/").build_with(decode::empty).unwrap()
}

async fn call(worker: Worker, old: Stitch<(), ()>, new: Option<(Tick, Stitch<(), ()>)>, load: Load) {
    let up_to = |most: Duration| Duration::from_micros(worker.runtime().random() % most.as_micros() as u64);
    let mut next_crowd = worker.runtime().now();
    loop {
        let new = new.as_ref().filter(|(from, _)| worker.runtime().now() >= *from);
        let mut one = new.map_or(&old, |(_, new)| new).call(());
        let (calls, tokens) = load.costs.draw(worker.runtime().random());
        if load.costs != Costs::One {
            one = one.cost(Cost::new(calls).and("tokens", tokens));
            one = one.header("x-calls", &calls.to_string()).header("x-tokens", &tokens.to_string());
        }
        match load.calls {
            Calls::Steady => one.await.unwrap(),
            Calls::Paused(most) => {
                one.await.unwrap();
                worker.sleep(up_to(most)).await;
            }
            Calls::Crowds(apart) => {
                one.await.unwrap();
                next_crowd = next_crowd + apart;
                worker.runtime().sleep_until(next_crowd).await;
            }
            Calls::Leaving(most) => {
                let leaves = worker.sleep(up_to(most));
                let called = std::pin::pin!(async { one.await.unwrap() });
                select(called, leaves).await;
            }
            Calls::Impatient(most) => {
                if one.max_wait(most).await.is_err() {
                    // A refused call takes no time: without a pause it would be made again at once.
                    worker.sleep(up_to(Duration::from_millis(20))).await;
                }
            }
        }
    }
}
