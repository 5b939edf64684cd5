//! From the first line that a worker hears to the last that it says.
//!
//! It hears its [`Assignment`], says `ready`, hears `go TICK`, says what happens, and `done` at the end. When its standard
//! input ends, the parent is gone, and so is the worker.

use std::time::Duration;

use futures_util::future::join_all;
use stitchapi::runtime::TokioRuntime;
use stitchapi::{Runtime, Tick};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

use super::calls::work_until;
use super::declare::declare;
use crate::failure::Failure;
use crate::fleet::assignment::Assignment;
use crate::fleet::said::Said;

/// Events reach the sink by a task of their own; this long after the last call they have.
const LAST_EVENTS: Duration = Duration::from_millis(100);

/// Works until the end, or until the parent is gone.
pub(crate) fn work() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::broken("no runtime", &error))?;
    let done = runtime.block_on(follow_the_parent());
    // A read of standard input is still waiting on a thread of its own.
    runtime.shutdown_background();
    if let Err(Failure::Wrong(what) | Failure::Broken(what)) = done {
        println!("{}", Said::Cannot(what));
    }
    Ok(())
}

async fn follow_the_parent() -> Result<(), Failure> {
    let clock = TokioRuntime::current().ok_or_else(|| Failure::wrong("no runtime is current"))?;
    let mut parent = BufReader::new(tokio::io::stdin()).lines();
    let Some(line) = heard(&mut parent).await else { return Ok(()) };
    // Not the error itself: it may quote the line, which holds secrets.
    let assignment = Assignment::of_line(&line).map_err(|_| Failure::wrong("the assignment cannot be read"))?;
    let stitches = declare(&assignment).await?;
    println!("{}", Said::Ready);
    let Some(begins) = heard(&mut parent).await.and_then(|line| line.strip_prefix("go ")?.parse().ok().map(Tick))
    else {
        return Ok(());
    };
    clock.sleep_until(begins).await;
    let ends = begins + assignment.duration;
    let tasks = join_all((0..assignment.tasks).map(|_| work_until(&stitches, &clock, ends)));
    tokio::select! {
        _ = tasks => {
            clock.sleep_until(clock.now() + LAST_EVENTS).await;
            println!("{}", Said::Done);
        }
        _ = heard(&mut parent) => {}
    }
    Ok(())
}

async fn heard(parent: &mut Lines<BufReader<Stdin>>) -> Option<String> {
    parent.next_line().await.ok().flatten()
}
