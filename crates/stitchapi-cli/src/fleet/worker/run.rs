//! Lifetime of a worker process, from the assignment to the last message.
//!
//! The worker reads its [`Assignment`], writes `ready`, reads `go TICK`, reports events, and writes `done`. It ends early
//! if its standard input ends, because then the parent has ended.

use std::time::Duration;

use futures_util::future::join_all;
use stitchapi::runtime::TokioRuntime;
use stitchapi::{Runtime, Tick};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

use super::stitches::Stitches;
use super::task::run_task;
use crate::error::CliError;
use crate::fleet::protocol::{Assignment, WorkerMessage};

/// Time to wait after the last call, because a separate task delivers events to the sink.
const EVENT_DELIVERY: Duration = Duration::from_millis(100);

/// Runs until the assignment is done, or until standard input ends.
pub(crate) fn run_worker() -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::internal("the Tokio runtime cannot be built", &error))?;
    let result = runtime.block_on(run_assignment());
    // A thread of the runtime still blocks in a read of standard input; a plain drop would wait for it.
    runtime.shutdown_background();
    if let Err(CliError::Input(reason) | CliError::Internal(reason)) = result {
        println!("{}", WorkerMessage::SetupFailed(reason));
    }
    Ok(())
}

async fn run_assignment() -> Result<(), CliError> {
    let clock = TokioRuntime::current().ok_or_else(|| CliError::input("no Tokio runtime is running"))?;
    let mut stdin = BufReader::new(tokio::io::stdin()).lines();
    let Some(line) = next_line(&mut stdin).await else { return Ok(()) };
    // The decoder's error is dropped: it may quote the line, which contains secrets.
    let assignment =
        Assignment::from_line(&line).map_err(|_| CliError::input("the assignment is not valid JSON of its type"))?;
    let stitches = Stitches::declare(&assignment).await?;
    println!("{}", WorkerMessage::Ready);
    let go = next_line(&mut stdin).await.and_then(|line| line.strip_prefix("go ")?.parse().ok().map(Tick));
    let Some(begins) = go else { return Ok(()) };
    clock.sleep_until(begins).await;
    let ends = begins + assignment.duration;
    let tasks = join_all((0..assignment.tasks).map(|_| run_task(&stitches, &clock, ends)));
    tokio::select! {
        _ = tasks => {
            clock.sleep_until(clock.now() + EVENT_DELIVERY).await;
            println!("{}", WorkerMessage::Done);
        }
        _ = next_line(&mut stdin) => {}
    }
    Ok(())
}

async fn next_line(stdin: &mut Lines<BufReader<Stdin>>) -> Option<String> {
    stdin.next_line().await.ok().flatten()
}
