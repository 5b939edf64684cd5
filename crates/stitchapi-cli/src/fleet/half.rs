//! One run of a fleet: starts the workers, lets them go at one moment, and listens.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use stitchapi::Runtime;
use stitchapi::runtime::TokioRuntime;

use super::assignment::{Assignment, Membership};
use super::killing::Killing;
use super::options::Options;
use super::outcome::Outcome;
use super::process::Worker;
use super::progress::Progress;
use super::store::Store;
use crate::failure::Failure;

/// The moment at which all begin lies so far ahead that every worker has heard of it.
const HEADSTART: Duration = Duration::from_millis(200);

/// What to run.
pub(super) struct Plan<'p> {
    pub(super) options: &'p Options,
    pub(super) url: &'p str,
    pub(super) store: &'p Store,
    pub(super) membership: Option<&'p Membership>,
    pub(super) killing: Killing<'p>,
}

impl Plan<'_> {
    fn assignment(&self) -> Assignment {
        let options = self.options;
        Assignment {
            tasks: options.tasks,
            rate: options.rate.text.clone(),
            burst: options.burst,
            duration: options.duration,
            store: self.store.clone(),
            url: self.url.to_owned(),
            membership: self.membership.cloned(),
        }
    }
}

/// Runs the fleet beside `upstream`, which does not end by itself.
pub(super) async fn run_half(plan: &Plan<'_>, upstream: impl Future<Output = ()>) -> Result<Outcome, Failure> {
    tokio::select! {
        outcome = run_fleet(plan) => outcome,
        () = upstream => Err(Failure::Broken("the upstream ended".to_owned())),
    }
}

async fn run_fleet(plan: &Plan<'_>) -> Result<Outcome, Failure> {
    let clock = TokioRuntime::current().ok_or_else(|| Failure::wrong("no runtime is current"))?;
    let assignment = plan.assignment();
    let workers: Vec<Worker> = (0..plan.options.workers).map(Worker::start).collect::<Result<_, _>>()?;
    let workers = try_join_all(workers.into_iter().map(|worker| worker.assign(&assignment))).await?;

    let begins = clock.now() + HEADSTART;
    let progress = Progress::new(begins, plan.options.duration);
    let heard = join_all(workers.into_iter().map(|worker| worker.listen(begins, &plan.killing, &progress)));
    let mut workers = tokio::select! {
        workers = heard => workers,
        () = progress.follow(&clock) => Vec::new(),
    };
    progress.finish();

    let ends = begins + plan.options.duration;
    for track in &mut workers {
        track.starts.retain(|start| (begins.0..ends.0).contains(start));
    }
    let outcome = Outcome { begins: begins.0, workers, upstream: None };
    report_failures(&outcome);
    Ok(outcome)
}

fn report_failures(outcome: &Outcome) {
    let mut failures: BTreeMap<&str, u32> = BTreeMap::new();
    for failure in outcome.workers.iter().flat_map(|track| &track.failures) {
        *failures.entry(failure).or_default() += 1;
    }
    for (failure, times) in failures {
        eprintln!("{times} calls failed and were made again: {failure}");
    }
}
