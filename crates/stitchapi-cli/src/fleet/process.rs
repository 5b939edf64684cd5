//! A worker process, as its parent has it.

use std::process::Stdio;

use stitchapi::Tick;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::assignment::Assignment;
use super::killing::Killing;
use super::outcome::Track;
use super::progress::Progress;
use super::said::Said;
use crate::failure::Failure;

/// A worker process, ended when this is dropped.
pub(super) struct Worker {
    number: usize,
    process: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    pub(super) fn start(number: usize) -> Result<Self, Failure> {
        let broken = |error: &dyn std::error::Error| Failure::broken("a worker cannot be started", error);
        let program = std::env::current_exe().map_err(|error| broken(&error))?;
        let mut process = Command::new(program)
            .arg("fleet-worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| broken(&error))?;
        match (process.stdin.take(), process.stdout.take()) {
            (Some(to), Some(from)) => Ok(Self { number, process, to, from: BufReader::new(from).lines() }),
            _ => Err(Failure::Broken("a worker has no pipes".to_owned())),
        }
    }

    /// Tells it what to do, and waits until it can begin.
    pub(super) async fn assign(mut self, assignment: &Assignment) -> Result<Self, Failure> {
        let line = assignment.to_line().map_err(|error| Failure::wrong_because("no assignment", &error))?;
        // A worker that is gone says so by the end of its output.
        let _ = self.to.write_all(line.as_bytes()).await;
        match self.line().await.as_deref().map(str::parse) {
            Some(Ok(Said::Ready)) => Ok(self),
            Some(Ok(Said::Cannot(why))) => Err(Failure::wrong(why)),
            Some(_) => Err(Failure::Broken("a worker does not say that it is ready".to_owned())),
            None => Err(Failure::Broken("a worker ended before it began".to_owned())),
        }
    }

    /// Lets it go, and listens until it is done or gone.
    pub(super) async fn listen(mut self, begins: Tick, killing: &Killing<'_>, progress: &Progress) -> Track {
        let _ = self.to.write_all(format!("go {}\n", begins.0).as_bytes()).await;
        let mut track = Track::default();
        let mut is_marked = false;
        loop {
            let line = tokio::select! {
                line = self.line() => line,
                () = killing.may_strike(), if is_marked => {
                    is_marked = false;
                    track.killed = killing.strike(&mut self.process);
                    continue;
                }
            };
            let Some(line) = line else { break };
            let Ok(said) = line.parse() else {
                progress.say(&format!("worker {}: {line}", self.number));
                continue;
            };
            progress.count(&said);
            match said {
                Said::Start(at) => track.starts.push(at.0),
                Said::Rejected => track.rejected += 1,
                Said::Failed(why) => track.failures.push(why),
                Said::Began(errand, at) => {
                    is_marked |= killing.is_for(errand);
                    track.began(errand, at);
                }
                Said::Ended(errand, at) => {
                    is_marked &= !killing.is_for(errand);
                    track.ended(errand, at);
                }
                Said::Done => return track,
                Said::Ready | Said::Cannot(_) => {}
            }
        }
        let status = self.process.wait().await;
        let how = match (track.killed, status) {
            (Some((errand, _)), _) => format!("was killed during its {}", errand.name()),
            (None, Ok(status)) => format!("ended early: {status}"),
            (None, Err(error)) => format!("ended early: {error}"),
        };
        progress.say(&format!("worker {} {how}", self.number));
        track
    }

    async fn line(&mut self) -> Option<String> {
        self.from.next_line().await.ok().flatten()
    }
}
