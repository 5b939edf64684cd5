//! One run of a fleet: starts the workers, lets them go at one moment, and listens.

use std::collections::BTreeMap;
use std::future::Future;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use stitchapi::runtime::TokioRuntime;
use stitchapi::{Runtime, Tick};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::options::Options;
use super::store::Store;
use crate::failure::Failure;

/// The moment at which all begin lies so far ahead that every worker has heard of it.
const HEADSTART: Duration = Duration::from_millis(200);

/// What to run.
pub(super) struct Plan<'p> {
    pub(super) options: &'p Options,
    pub(super) url: &'p str,
    pub(super) store: &'p Store,
}

/// What happened.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Of each worker, when it started a call within the run, in microseconds of the boot clock.
    pub(super) starts_of: Vec<Vec<u64>>,
    /// How many calls were answered 429.
    pub(super) rejected: u64,
}

impl Outcome {
    /// Every start with its worker, in the order of time.
    pub(super) fn starts(&self) -> Vec<(usize, u64)> {
        let of =
            |(worker, starts): (usize, &Vec<u64>)| starts.iter().map(move |start| (worker, *start)).collect::<Vec<_>>();
        let mut all: Vec<_> = self.starts_of.iter().enumerate().flat_map(of).collect();
        all.sort_by_key(|(_, start)| *start);
        all
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
    let workers: Vec<Worker> = (0..plan.options.workers).map(|_| Worker::start(plan)).collect::<Result<_, _>>()?;
    let workers = try_join_all(workers.into_iter().map(Worker::ready)).await?;
    let begins = clock.now() + HEADSTART;
    let heard = join_all(workers.into_iter().enumerate().map(|(number, worker)| worker.listen(number, begins))).await;

    let ends = begins + plan.options.duration;
    let mut outcome = Outcome::default();
    let mut failures: BTreeMap<String, u32> = BTreeMap::new();
    for heard in heard {
        let within = heard.starts.into_iter().filter(|start| (begins.0..ends.0).contains(start));
        outcome.starts_of.push(within.collect());
        outcome.rejected += heard.rejected;
        for failure in heard.failures {
            *failures.entry(failure).or_default() += 1;
        }
    }
    for (failure, times) in failures {
        eprintln!("{times} calls failed and were made again: {failure}");
    }
    Ok(outcome)
}

/// A worker process, ended when this is dropped.
struct Worker {
    process: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

/// What one worker said.
#[derive(Default)]
struct Heard {
    starts: Vec<u64>,
    rejected: u64,
    failures: Vec<String>,
}

impl Worker {
    fn start(plan: &Plan<'_>) -> Result<Self, Failure> {
        let broken = |error: &dyn std::error::Error| Failure::broken("a worker cannot be started", error);
        let options = plan.options;
        let program = std::env::current_exe().map_err(|error| broken(&error))?;
        let mut process = Command::new(program)
            .arg("fleet-worker")
            .args(["--tasks", &options.tasks.to_string()])
            .args(["--rate", &options.rate.text])
            .args(["--burst", &options.burst.to_string()])
            .args(["--duration-us", &options.duration.as_micros().to_string()])
            .args(["--store", &plan.store.to_string()])
            .args(["--url", plan.url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| broken(&error))?;
        match (process.stdin.take(), process.stdout.take()) {
            (Some(to), Some(from)) => Ok(Self { process, to, from: BufReader::new(from).lines() }),
            _ => Err(Failure::Broken("a worker has no pipes".to_owned())),
        }
    }

    async fn ready(mut self) -> Result<Self, Failure> {
        match self.line().await.as_deref() {
            Some("ready") => Ok(self),
            Some(line) => Err(Failure::wrong(line.trim_start_matches("cannot "))),
            None => Err(Failure::Broken("a worker ended before it began".to_owned())),
        }
    }

    /// Lets it go, and listens until it is done or gone.
    async fn listen(mut self, number: usize, begins: Tick) -> Heard {
        // A worker that is gone says so by the end of its output.
        let _ = self.to.write_all(format!("go {}\n", begins.0).as_bytes()).await;
        let mut heard = Heard::default();
        while let Some(line) = self.line().await {
            match line.split_once(' ') {
                Some(("start", tick)) => heard.starts.extend(tick.parse::<u64>()),
                Some(("failed", why)) => heard.failures.push(why.to_owned()),
                _ if line == "rejected" => heard.rejected += 1,
                _ if line == "done" => return heard,
                _ => eprintln!("worker {number}: {line}"),
            }
        }
        let status = self.process.wait().await;
        eprintln!(
            "worker {number} ended early: {}",
            status.map_or_else(|error| error.to_string(), |status| status.to_string())
        );
        heard
    }

    async fn line(&mut self) -> Option<String> {
        self.from.next_line().await.ok().flatten()
    }
}
