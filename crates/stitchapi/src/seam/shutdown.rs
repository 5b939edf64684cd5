//! The shutdown of a seam.

use std::time::Duration;

use super::handle::Seam;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{TimeUp, within};

impl Seam {
    /// Refuses new calls on all clones of the seam, waits until everything in flight has ended, and then until every
    /// event so far has reached the sinks. Waits for at most `grace` in total.
    ///
    /// * New calls and permits fail as [`ErrorKind::ShutDown`] from now on.
    /// * In flight are calls, waits for a permit, and the tasks that log in, fetch for the cache or correct a charge.
    /// * When `grace` is over, calls that still wait for a slot fail as [`ErrorKind::ShutDown`], and nothing is
    ///   retried. A call whose request was sent continues until it ends or its caller drops it. Events that have not
    ///   reached the sinks are still delivered while the runtime runs.
    /// * Slots that this process has booked and not used, and leases of dropped calls, expire in the store.
    ///
    /// If the future is dropped while it waits, the seam stays shut down. Another call of `shutdown` waits again.
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
        in_flight.refuse_new_calls();
        let end = runtime.now() + grace;
        let idle = within(&**runtime, end, in_flight.wait_until_idle()).await;
        let left = in_flight.count();
        if idle.is_err() {
            in_flight.refuse_new_requests();
            self.parts.bucket_registry.shut_down();
        }
        let delivered = within(&**runtime, end, self.parts.dispatch.wait_until_delivered()).await;
        let timeout =
            |what: String| Err(Error::new(ErrorKind::Timeout, format!("shutdown: {what} when grace was over")));
        match (idle, delivered) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(TimeUp), _) => timeout(format!("{left} calls were still in flight")),
            (Ok(()), Err(TimeUp)) => timeout("events had not reached the sinks".to_owned()),
        }
    }
}
