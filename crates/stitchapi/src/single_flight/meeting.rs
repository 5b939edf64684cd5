//! Where the processes of a fleet meet for one thing.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{Key, Runtime, StoreError, Version};

use super::outcome::Outcome;
use crate::store::Client;
use crate::trace::{EventKind, Trace, Unreadable};

/// A leader that dies is replaced after this, or after four timeouts of a slower store. Renewed at each third.
const LEASE: Duration = Duration::from_secs(1);
/// An operation that failed is tried once more after this.
const AGAIN: Duration = Duration::from_millis(25);

/// The lease and the outcome of one thing to fetch, for one call.
pub(crate) struct Meeting {
    pub(super) store: Arc<Client>,
    pub(super) trace: Trace,
    pub(super) lock: Key,
    outcome: Key,
}

/// An outcome, and the version it was read with.
pub(super) struct Seen {
    pub(super) version: Option<Version>,
    pub(super) outcome: Option<Outcome>,
}

impl Meeting {
    /// The meeting for what is named by `parts`.
    pub(crate) fn new(store: Arc<Client>, trace: Trace, parts: &[&str]) -> Self {
        let key = |kind| store.fit_key(parts.iter().fold(Key::new(kind), Key::part));
        Self { lock: key("lock"), outcome: key("outcome"), store, trace }
    }

    pub(super) fn runtime(&self) -> &dyn Runtime {
        &**self.store.runtime()
    }

    /// For how long a lease is taken: taking it, looking and renewing it take less, however slow the store is.
    pub(super) fn lease(&self) -> Duration {
        LEASE.max(self.store.timeout() * 4)
    }

    /// Tries once more what may be made good: a store that fails once makes nobody go on its own.
    pub(crate) async fn twice<T, F>(&self, mut operation: impl FnMut() -> F + Send) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        match operation().await {
            Err(error) if error.is_retryable() => {
                let runtime = self.runtime();
                runtime.sleep_until(runtime.now() + AGAIN).await;
                operation().await
            }
            done => done,
        }
    }

    /// The outcome that is there, with its version.
    pub(super) async fn read_outcome(&self) -> Result<Seen, StoreError> {
        let Some((bytes, version)) = self.store.read(&self.outcome, &self.trace).await? else {
            return Ok(Seen { version: None, outcome: None });
        };
        let outcome = Outcome::from_bytes(&bytes);
        if outcome.is_none() {
            self.trace.emit(EventKind::Unreadable { what: Unreadable::FlightOutcome });
        }
        Ok(Seen { version: Some(version), outcome })
    }

    /// Leaves the outcome, unless somebody has left another one since `seen`: then this leader came too late. What was
    /// seen may have come to its end meanwhile.
    ///
    /// A failure has been told as an event; those who wait take the lease in turn.
    pub(super) async fn leave_outcome(&self, outcome: &Outcome, seen: Option<Version>, ttl: Duration) {
        let new = Version::random(self.runtime());
        let write = |over: Option<Version>| async move {
            self.store.write_if(&self.outcome, over.as_ref(), &new, outcome.to_bytes(), ttl, &self.trace).await
        };
        if let (Ok(false), Some(_)) = (write(seen).await, seen) {
            let _ = write(None).await;
        }
    }
}
