//! The thread that owns the connection.

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
use crate::patience::Patience;

type Job = Box<dyn FnOnce(&mut Session) + Send>;

/// One open file and the thread that works on it, in the order of asking.
#[derive(Debug)]
pub(crate) struct Worker {
    /// There until the drop.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) connection: Connection,
    pub(crate) patience: Arc<Patience>,
    pub(crate) clock: Clock,
}

impl Session {
    /// Begins a transaction that holds the write lock, so that nobody else's change comes before its end.
    pub(crate) fn begin(&mut self) -> rusqlite::Result<(Transaction<'_>, &Clock)> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.patience.has_lock();
        Ok((transaction, &self.clock))
    }
}

impl Worker {
    #[expect(clippy::disallowed_methods, reason = "a connection blocks, so it has a thread of its own")]
    pub(crate) fn start(session: Session) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let thread = thread::Builder::new().name("stitchapi-sqlite".to_owned()).spawn(move || work(session, &queue))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `job` on the thread. If this future is dropped before the thread comes to the job, it is not run.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        operation: &'static str,
        job: impl FnOnce(&mut Session) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, StoreError> {
        let (reply, answer) = oneshot::channel();
        let asked = Tick::of_boot_clock();
        let job: Job = Box::new(move |session| {
            if !reply.is_canceled() {
                session.patience.asked(asked);
                // Nobody listens any more: the job has been done all the same.
                let _ = reply.send(job(session));
            }
        });
        if let Some(jobs) = &self.jobs {
            // A job that nobody takes drops its `reply`, which is an answer too.
            let _ = jobs.send(job);
        }
        answer.await.unwrap_or(Err(Failure::NoAnswer)).map_err(|failure| failure.of(operation))
    }
}

/// Does the jobs until every [`Worker`] is gone.
fn work(mut session: Session, queue: &Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        // A job that panics drops its transaction, which is rolled back, and its reply, which tells the caller. SQLite
        // and its client are sound after an unwinding: what is checked is that no transaction was left open.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut session)));
        if !session.connection.is_autocommit() {
            let _ = session.connection.execute_batch("ROLLBACK");
        }
    }
}

impl Drop for Worker {
    /// Ends the thread and waits for it, so that the file is closed when this returns. Jobs that are still in the queue
    /// have lost their callers and are not run; one that is running is finished.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}
