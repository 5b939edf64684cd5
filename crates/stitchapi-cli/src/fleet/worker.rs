//! One worker process: calls through the library's public API and tells the parent, line by line, what happened.
//!
//! It says `ready`, hears `go TICK`, says `start TICK` for every start, `rejected` for every 429 and `failed KIND` for
//! every other failure, and `done` at the end. When its standard input ends, the parent is gone, and so is the worker.

use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use stitchapi::runtime::TokioRuntime;
use stitchapi::trace::{EventKind, sink_fn};
use stitchapi::{ErrorKind, Retry, Runtime, Seam, Stitch, Throttle, Tick, decode};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use url::Url;

use super::options::{DeclaredRate, rate, url};
use super::store::Store;
use crate::failure::{Failure, with_causes};

/// How long a call that started before the end may take to be answered.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after a call that failed for another reason than the limit.
const AFTER_FAILURE: Duration = Duration::from_millis(50);
/// Events reach the sink by a task of their own; this long after the last call they have.
const LAST_EVENTS: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(crate) struct WorkerOptions {
    #[arg(long)]
    pub(super) tasks: usize,
    #[arg(long, value_parser = rate)]
    pub(super) rate: DeclaredRate,
    #[arg(long)]
    pub(super) burst: u32,
    #[arg(long)]
    pub(super) duration_us: u64,
    #[arg(long)]
    pub(super) store: Store,
    #[arg(long, value_parser = url)]
    pub(super) url: Url,
}

/// Works until the end, or until the parent is gone.
pub(crate) fn work(options: &WorkerOptions) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::broken("no runtime", &error))?;
    let done = runtime.block_on(follow_the_parent(options));
    // A read of standard input is still waiting on a thread of its own.
    runtime.shutdown_background();
    if let Err(Failure::Wrong(what) | Failure::Broken(what)) = done {
        println!("cannot {what}");
    }
    Ok(())
}

async fn follow_the_parent(options: &WorkerOptions) -> Result<(), Failure> {
    let clock = TokioRuntime::current().ok_or_else(|| Failure::wrong("no runtime is current"))?;
    let stitch = declare(options)?;
    println!("ready");
    let mut parent = BufReader::new(tokio::io::stdin()).lines();
    let Some(begins) = heard(&mut parent).await.and_then(|line| line.strip_prefix("go ")?.parse().ok().map(Tick))
    else {
        return Ok(());
    };
    clock.sleep_until(begins).await;
    let ends = begins + Duration::from_micros(options.duration_us);
    let tasks = join_all((0..options.tasks).map(|_| call_until(&stitch, &clock, ends)));
    tokio::select! {
        _ = tasks => {
            clock.sleep_until(clock.now() + LAST_EVENTS).await;
            println!("done");
        }
        _ = heard(&mut parent) => {}
    }
    Ok(())
}

async fn heard(parent: &mut Lines<BufReader<Stdin>>) -> Option<String> {
    parent.next_line().await.ok().flatten()
}

/// The one endpoint: the URL itself.
fn declare(options: &WorkerOptions) -> Result<Stitch<(), ()>, Failure> {
    let mut base = options.url.clone();
    let query: Vec<(String, String)> = base.query_pairs().into_owned().collect();
    base.set_query(None);
    base.set_fragment(None);
    let seam = Seam::builder(base)
        .throttle(Throttle::rate(options.rate.rate).burst(options.burst))
        .retry(Retry::none())
        .sink(sink_fn(|event| match event.kind {
            EventKind::Request { .. } => println!("start {}", event.at.0),
            EventKind::Lost { events } => {
                println!("failed to tell of {events} events: there are more starts than stamps");
            }
            _ => {}
        }));
    let seam = options.store.attach(seam)?.build().map_err(|error| Failure::wrong_because("no seam", &error))?;
    // A brace in a URL is a brace.
    let plain = |value: &str| value.replace('{', "{{").replace('}', "}}");
    let call = query.iter().fold(seam.get(""), |call, (name, value)| call.query(name, &plain(value)));
    call.build_with(decode::empty).map_err(|error| Failure::wrong_because("the URL cannot be called", &error))
}

/// Calls again and again while a slot can come before the end.
async fn call_until(stitch: &Stitch<(), ()>, clock: &TokioRuntime, ends: Tick) {
    loop {
        let left = ends.since(clock.now());
        if left.is_zero() {
            return;
        }
        let Err(error) = stitch.call(()).max_wait(left).deadline(left + GRACE).await else { continue };
        match (error.kind(), error.status()) {
            (ErrorKind::Refused, _) => return,
            (ErrorKind::Status, Some(status)) if status.as_u16() == 429 => println!("rejected"),
            _ => {
                println!("failed {}", with_causes("call", &error));
                clock.sleep_until(clock.now() + AFTER_FAILURE).await;
            }
        }
    }
}
