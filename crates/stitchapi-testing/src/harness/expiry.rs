//! Watching when a value expires, on a machine that may be slow.

use std::future::Future;
use std::time::Duration;

use stitchapi_core::{StoreError, Tick};

use super::fixture::Fixture;
use super::not_passed::NotPassed;

/// How much before the end of its ttl a value may expire.
const EARLY: Duration = Duration::from_millis(20);
/// How long after the end of its ttl a value may still be read.
const LATE: Duration = Duration::from_millis(100);
/// Interval between two reads.
const POLL: Duration = Duration::from_millis(10);

/// The ttl of a value and when the store received it: between two readings of the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetime {
    /// Before the write was sent.
    from: Tick,
    /// After the reply to the write.
    to: Tick,
    ttl: Duration,
}

/// When a value expired, compared with its ttl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// More than 20 ms early: this long after the write.
    Early(Duration),
    /// Within the tolerance.
    InTime,
    /// Still readable more than 100 ms late: this long after the write.
    Late(Duration),
}

impl Fixture {
    /// Returns the ttl for clauses that wait until it has passed: 150 ms times the time scale.
    pub(crate) fn short_ttl(&self) -> Duration {
        self.options.scaled(Duration::from_millis(150))
    }

    /// Sleeps until a ttl that starts now has passed for certain, tolerance included.
    pub(crate) async fn sleep_past(&self, ttl: Duration) {
        let runtime = self.runtime();
        let end = runtime.now() + ttl + self.options.scaled(LATE + POLL);
        runtime.sleep_until(end).await;
    }

    /// Runs a write that gives a value `ttl`, and returns when that happened.
    pub(crate) async fn time_write<T>(
        &self,
        ttl: Duration,
        write: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<Lifetime, NotPassed> {
        let from = self.runtime().now();
        write.await?;
        Ok(Lifetime { from, to: self.runtime().now(), ttl })
    }

    /// Calls `is_live` every 10 ms until the value has expired or should have.
    ///
    /// Only what is certain counts against the store: an early expiry is judged by when the reply arrived, a late one by
    /// when the read was sent. If neither can be judged, the clause is skipped.
    pub(crate) async fn watch_expiry<F>(
        &self,
        lifetime: Lifetime,
        mut is_live: impl FnMut() -> F + Send,
    ) -> Result<Expiry, NotPassed>
    where
        F: Future<Output = Result<bool, StoreError>> + Send,
    {
        let not_before = lifetime.from + lifetime.ttl - self.options.scaled(EARLY);
        let not_after = lifetime.to + lifetime.ttl + self.options.scaled(LATE);
        let mut was_live = false;
        loop {
            let sent = self.runtime().now();
            let is_live = is_live().await?;
            let received = self.runtime().now();
            match is_live {
                true if sent > not_after => return Ok(Expiry::Late(sent.since(lifetime.to))),
                true => was_live |= received < not_before,
                false if received < not_before => return Ok(Expiry::Early(received.since(lifetime.from))),
                false if was_live => return Ok(Expiry::InTime),
                false => return Err(NotPassed::too_slow()),
            }
            self.sleep(POLL).await;
        }
    }
}
