//! The shutdown of a seam.

use std::time::Duration;

use super::handle::Seam;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{TimeUp, within};

impl Seam {
    /// Refuses new calls on all clones of the seam, waits until everything in flight has ended, and then until every event
    /// so far has reached the sinks. Waits for at most `grace` in total.
    ///
    /// * New calls and permits fail as [`ErrorKind::ShutDown`] from now on.
    /// * In flight are calls, waits for a permit, and logins and fetches in tasks of their own.
    /// * When `grace` is over, calls that still wait for a slot fail as [`ErrorKind::ShutDown`], and nothing is retried. A
    ///   request that has been sent goes on: its future is the caller's to drop. Events that have not reached the sinks are
    ///   still delivered while the runtime runs.
    /// * Slots that this process has booked and not used, and leases of dropped calls, expire in the store.
    ///
    /// Dropped while waiting: the seam stays shut down. Called again: waits again.
    ///
    /// ```no_run
    /// # async fn run(seam: stitchapi::Seam) {
    /// use std::time::Duration;
    ///
    /// if let Err(error) = seam.shutdown(Duration::from_secs(10)).await {
    ///     eprintln!("{error}");
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`] if something was still in flight, or an event had not reached the sinks, when `grace` was
    /// over.
    pub async fn shutdown(&self, grace: Duration) -> Result<()> {
        let (runtime, in_flight) = (self.runtime(), self.in_flight());
        in_flight.close();
        let end = runtime.now() + grace;
        let drained = within(&**runtime, end, in_flight.drained()).await;
        let left = in_flight.count();
        if drained.is_err() {
            in_flight.end();
            self.parts.bucket_registry.shut_down();
        }
        let flushed = within(&**runtime, end, self.parts.dispatch.flushed()).await;
        let timeout =
            |what: String| Err(Error::new(ErrorKind::Timeout, format!("shutdown: {what} when grace was over")));
        match (drained, flushed) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(TimeUp), _) => timeout(format!("{left} calls were still in flight")),
            (Ok(()), Err(TimeUp)) => timeout("events had not reached the sinks".to_owned()),
        }
    }
}
