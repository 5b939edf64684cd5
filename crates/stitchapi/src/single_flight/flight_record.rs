//! What the processes of a fleet share about one flight: the lease of the leader (the process that fetches), and the
//! record of the outcome that the leader stores.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{Key, Runtime, StoreError, Version};

use super::outcome::Outcome;
use crate::store::{Client, LeaseGuard, Record, Stored};
use crate::trace::{Trace, Unreadable};

/// Pause before a failed operation is repeated.
const RETRY_PAUSE: Duration = Duration::from_millis(25);

/// The lease and the outcome record of one flight, as one call uses them.
pub(crate) struct FlightRecord {
    store: Arc<Client>,
    trace: Trace,
    lease: Key,
    outcome: Record,
}

impl FlightRecord {
    /// Creates the record of the flight that `key_parts` name.
    pub(crate) fn new(store: Arc<Client>, trace: Trace, key_parts: &[&str]) -> Self {
        let key = |kind| store.fit_key(key_parts.iter().fold(Key::new(kind), Key::part));
        let outcome = Record::new(store.clone(), key("outcome"), Unreadable::FlightOutcome);
        Self { lease: key("lock"), outcome, store, trace }
    }

    pub(super) fn runtime(&self) -> &dyn Runtime {
        &**self.store.runtime()
    }

    pub(super) fn store(&self) -> &Client {
        &self.store
    }

    /// Creates the guard with which this process requests the leader's lease.
    pub(super) fn new_lease(&self) -> LeaseGuard {
        LeaseGuard::new(self.store.clone(), self.trace.clone(), self.lease.clone())
    }

    /// Runs `operation`, and once more if it failed with a retryable error, so that a single failure of the store does
    /// not make a process fetch for itself.
    pub(crate) async fn with_one_retry<T, F>(&self, mut operation: impl FnMut() -> F + Send) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        match operation().await {
            Err(error) if error.is_retryable() => {
                let runtime = self.runtime();
                runtime.sleep_until(runtime.now() + RETRY_PAUSE).await;
                operation().await
            }
            result => result,
        }
    }

    pub(super) async fn read_outcome(&self) -> Result<Stored<Outcome>, StoreError> {
        self.outcome.read(Outcome::from_bytes, &self.trace).await
    }

    /// Stores the outcome over the version `last_read`, or as a new record if that version has expired. It stores
    /// nothing if another leader has stored an outcome since.
    ///
    /// If the store fails, the failure is emitted. The followers then find no outcome, and acquire the lease one after
    /// the other.
    pub(super) async fn write_outcome(&self, outcome: &Outcome, last_read: Option<Version>, ttl: Duration) {
        let new = Version::random(self.runtime());
        let write = |expected| self.outcome.write(expected, new, outcome.to_bytes(), ttl, &self.trace);
        if let (Ok(false), Some(_)) = (write(last_read).await, last_read) {
            let _ = write(None).await;
        }
    }
}
