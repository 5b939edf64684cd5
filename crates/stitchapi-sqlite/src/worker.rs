//! The thread that owns the connection, and the queue of its jobs.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use futures_channel::oneshot;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use stitchapi_core::{StoreError, Tick};

use crate::clock::Clock;
use crate::error::Failure;
use crate::lock_wait::LockWait;

type Job = Box<dyn FnOnce(&mut Session) + Send>;

/// Open file, and the thread that runs the operations on it in the order of their requests.
#[derive(Debug)]
pub(crate) struct Worker {
    /// `None` only during the drop.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Connection, lock and clocks of the thread.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) connection: Connection,
    pub(crate) lock_wait: Arc<LockWait>,
    pub(crate) clock: Clock,
}

impl Session {
    /// Begins a transaction that holds the file's write lock: no other connection changes the file before its end.
    pub(crate) fn begin(&mut self) -> rusqlite::Result<(Transaction<'_>, &Clock)> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.lock_wait.acquired();
        Ok((transaction, &self.clock))
    }
}

impl Worker {
    #[expect(clippy::disallowed_methods, reason = "calls on a connection block, so it has a thread of its own")]
    pub(crate) fn start(session: Session) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let thread =
            thread::Builder::new().name("stitchapi-sqlite".to_owned()).spawn(move || run_jobs(session, &queue))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `job` on the thread. If the future is dropped before the thread starts the job, the job does not run.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        operation: &'static str,
        job: impl FnOnce(&mut Session) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let requested = Tick::of_boot_clock();
        let job: Job = Box::new(move |session| {
            if !sender.is_canceled() {
                session.lock_wait.start(requested);
                // Sending fails if the future was dropped meanwhile. The job is done all the same.
                let _ = sender.send(job(session));
            }
        });
        if let Some(jobs) = &self.jobs {
            // If the thread has ended, the job is dropped, and its sender with it: the receiver reports that.
            let _ = jobs.send(job);
        }
        receiver.await.unwrap_or(Err(Failure::Panicked)).map_err(|failure| failure.of(operation))
    }
}

/// Runs the jobs until the [`Worker`] is dropped.
fn run_jobs(mut session: Session, queue: &Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        // A job that panics drops its transaction, which rolls back, and its sender, which the receiver reports. SQLite and
        // its client are sound after an unwind; only an open transaction is checked for.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut session)));
        if !session.connection.is_autocommit() {
            let _ = session.connection.execute_batch("ROLLBACK");
        }
    }
}

impl Drop for Worker {
    /// Ends the thread and waits for it, so that the file is closed afterwards. The futures of jobs that are still in the
    /// queue were dropped, so these do not run; a running job is finished.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}
