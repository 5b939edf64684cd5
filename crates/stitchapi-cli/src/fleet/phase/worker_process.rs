//! A worker process, seen from its parent.

use std::process::Stdio;

use stitchapi::Tick;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::kill::KillSwitch;
use super::progress::Progress;
use super::worker_record::WorkerRecord;
use crate::error::CliError;
use crate::fleet::protocol::{Assignment, WorkerMessage};

/// Worker process, killed on drop.
pub(super) struct WorkerProcess {
    number: usize,
    process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl WorkerProcess {
    /// Starts this program again as `stitch fleet-worker`.
    pub(super) fn start(number: usize) -> Result<Self, CliError> {
        let start_error =
            |error: &dyn std::error::Error| CliError::internal("a worker process cannot be started", error);
        let program = std::env::current_exe().map_err(|error| start_error(&error))?;
        let mut process = Command::new(program)
            .arg("fleet-worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| start_error(&error))?;
        match (process.stdin.take(), process.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Self { number, process, stdin, stdout: BufReader::new(stdout).lines() }),
            _ => Err(CliError::Internal("a worker process has no pipes".to_owned())),
        }
    }

    /// Sends the assignment and waits until the worker is ready.
    pub(super) async fn assign(mut self, assignment: &Assignment) -> Result<Self, CliError> {
        let line = assignment
            .to_line()
            .map_err(|error| CliError::input_because("the assignment cannot be encoded", &error))?;
        // A write error means that the worker has ended; the read below reports that.
        let _ = self.stdin.write_all(line.as_bytes()).await;
        match self.next_line().await.as_deref().map(str::parse) {
            Some(Ok(WorkerMessage::Ready)) => Ok(self),
            Some(Ok(WorkerMessage::SetupFailed(reason))) => Err(CliError::input(reason)),
            Some(_) => Err(CliError::Internal("a worker sent an unexpected message before it was ready".to_owned())),
            None => Err(CliError::Internal("a worker ended before it was ready".to_owned())),
        }
    }

    /// Sends `go` and records the worker's messages until it is done or has ended.
    pub(super) async fn record(mut self, begins: Tick, kill: &KillSwitch<'_>, progress: &Progress) -> WorkerRecord {
        let _ = self.stdin.write_all(format!("go {}\n", begins.0).as_bytes()).await;
        let mut record = WorkerRecord::default();
        let mut may_be_killed = false;
        loop {
            let line = tokio::select! {
                line = self.next_line() => line,
                () = kill.wait_until_in_flight(), if may_be_killed => {
                    may_be_killed = false;
                    record.killed = kill.kill(&mut self.process);
                    continue;
                }
            };
            let Some(line) = line else { break };
            let Ok(message) = line.parse() else {
                progress.print_above(&format!("worker {}: {line}", self.number));
                continue;
            };
            progress.count(&message);
            match message {
                WorkerMessage::CallStarted(at) => record.starts.push(at.0),
                WorkerMessage::CallRejected => record.rejected += 1,
                WorkerMessage::CallFailed(reason) => record.failures.push(reason),
                WorkerMessage::SharedRequestBegan(request, at) => {
                    may_be_killed |= kill.is_armed_for(request);
                    record.begin(request, at);
                }
                WorkerMessage::SharedRequestEnded(request, at) => {
                    may_be_killed &= !kill.is_armed_for(request);
                    record.end(request, at);
                }
                WorkerMessage::Done => return record,
                WorkerMessage::Ready | WorkerMessage::SetupFailed(_) => {}
            }
        }
        let status = self.process.wait().await;
        let end = match (record.killed, status) {
            (Some((request, _)), _) => format!("was killed during its {}", request.name()),
            (None, Ok(status)) => format!("ended early: {status}"),
            (None, Err(error)) => format!("ended early: {error}"),
        };
        progress.print_above(&format!("worker {} {end}", self.number));
        record
    }

    async fn next_line(&mut self) -> Option<String> {
        self.stdout.next_line().await.ok().flatten()
    }
}
