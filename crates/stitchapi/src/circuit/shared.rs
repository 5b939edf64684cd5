//! The way to what the fleet sees of a circuit.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{Key, StoreError, Version};

use super::record::Record;
use crate::store::Client;
use crate::trace::{EventKind, Trace, Unreadable};

/// A circuit in the store: its last change, and the place of whoever sees whether the API is back.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Arc<Client>,
    record: Key,
    pub(super) turn: Key,
}

/// What lay in the store.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) version: Option<Version>,
    /// None, too, if it could not be read.
    pub(super) record: Option<Record>,
}

impl Seen {
    /// The opening that it tells of.
    pub(super) fn opening(&self) -> Option<&Version> {
        self.version.as_ref().filter(|_| matches!(self.record, Some(Record::Open { .. })))
    }
}

impl Shared {
    /// The circuit that is named by `parts`.
    pub(super) fn new(store: Arc<Client>, parts: &[&str]) -> Self {
        let key = |kind| store.fit_key(parts.iter().fold(Key::new(kind), Key::part));
        Self { record: key("circuit"), turn: key("probe"), store }
    }

    pub(super) async fn look(&self, trace: &Trace) -> Result<Seen, StoreError> {
        let Some((bytes, version)) = self.store.read(&self.record, trace).await? else {
            return Ok(Seen { version: None, record: None });
        };
        let record = Record::from_bytes(&bytes);
        if record.is_none() {
            trace.emit(EventKind::Unreadable { what: Unreadable::Circuit });
        }
        Ok(Seen { version: Some(version), record })
    }

    /// Writes over what was seen; `false` if somebody else has.
    pub(super) async fn write(
        &self,
        seen: &Seen,
        new: &Version,
        record: &Record,
        ttl: Duration,
        trace: &Trace,
    ) -> Result<bool, StoreError> {
        self.store.write_if(&self.record, seen.version.as_ref(), new, record.to_bytes(), ttl, trace).await
    }
}
