//! Runs one phase.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use stitchapi::Runtime;
use stitchapi::runtime::TokioRuntime;

use super::plan::PhasePlan;
use super::progress::Progress;
use super::record::PhaseRecord;
use super::worker_process::WorkerProcess;
use crate::error::CliError;

/// Time between `go` and the first start, so that every worker has read `go` before it.
const START_DELAY: Duration = Duration::from_millis(200);

/// Runs the workers of a phase while `upstream` handles their requests. `upstream` must not return before the workers.
pub(crate) async fn run_phase(
    plan: &PhasePlan<'_>,
    upstream: impl Future<Output = ()>,
) -> Result<PhaseRecord, CliError> {
    tokio::select! {
        record = run_workers(plan) => record,
        () = upstream => Err(CliError::Internal("the upstream stopped before the workers ended".to_owned())),
    }
}

async fn run_workers(plan: &PhasePlan<'_>) -> Result<PhaseRecord, CliError> {
    let clock = TokioRuntime::current().ok_or_else(|| CliError::input("no Tokio runtime is running"))?;
    let assignment = plan.assignment();
    let workers: Vec<WorkerProcess> = (0..plan.options.workers).map(WorkerProcess::start).collect::<Result<_, _>>()?;
    let workers = try_join_all(workers.into_iter().map(|worker| worker.assign(&assignment))).await?;

    let begins = clock.now() + START_DELAY;
    let progress = Progress::new(begins, plan.options.duration);
    let records = join_all(workers.into_iter().map(|worker| worker.record(begins, &plan.kill, &progress)));
    let mut workers = tokio::select! {
        records = records => records,
        () = progress.redraw(&clock) => Vec::new(),
    };
    progress.finish();

    let ends = begins + plan.options.duration;
    for worker in &mut workers {
        worker.starts.retain(|start| (begins.0..ends.0).contains(start));
    }
    let record = PhaseRecord { begins: begins.0, workers, upstream: None };
    print_failures(&record);
    Ok(record)
}

/// Prints each distinct failure of a call with its number of occurrences.
fn print_failures(record: &PhaseRecord) {
    let mut failures: BTreeMap<&str, u32> = BTreeMap::new();
    for failure in record.workers.iter().flat_map(|worker| &worker.failures) {
        *failures.entry(failure).or_default() += 1;
    }
    for (failure, count) in failures {
        eprintln!("{count} calls failed and were made again: {failure}");
    }
}
