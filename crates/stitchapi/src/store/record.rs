//! One versioned value of the store that several processes read and replace.
//!
//! [`Record::read`] returns the decoded value with its version. [`Record::write`] replaces that version, and returns
//! whether it did. Single flight keeps its outcome in a record, auth its session, and the circuit its last change.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{Key, StoreError, Version};

use super::Client;
use crate::trace::{EventKind, Trace, Unreadable};

/// A versioned value under one key: see [`Versioned`](stitchapi_core::Versioned).
#[derive(Debug)]
pub(crate) struct Record {
    store: Arc<Client>,
    key: Key,
    /// Name of the value in the event that reports that it cannot be decoded.
    content: Unreadable,
}

/// What a read of a [`Record`] returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored<T> {
    /// Version of the stored bytes; `None` if nothing is stored.
    pub(crate) version: Option<Version>,
    /// Decoded value; `None` if nothing is stored or the bytes cannot be decoded.
    pub(crate) value: Option<T>,
}

impl Record {
    pub(crate) fn new(store: Arc<Client>, key: Key, content: Unreadable) -> Self {
        Self { store, key, content }
    }

    /// Reads the value and its version. Bytes for which `decode` returns `None` are emitted as
    /// [`EventKind::Unreadable`] and count as no value; a write over their version replaces them.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the operation.
    pub(crate) async fn read<T>(
        &self,
        decode: impl FnOnce(&[u8]) -> Option<T> + Send,
        trace: &Trace,
    ) -> Result<Stored<T>, StoreError> {
        let Some((bytes, version)) = self.store.read(&self.key, trace).await? else {
            return Ok(Stored { version: None, value: None });
        };
        let value = decode(&bytes);
        if value.is_none() {
            trace.emit(EventKind::Unreadable { what: self.content });
        }
        Ok(Stored { version: Some(version), value })
    }

    /// Replaces the version `expected` by `value` with the version `new` and the lifetime `ttl`. Returns `false`, and
    /// changes nothing, if the store has another version by now. `None` expects that nothing is stored.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the operation.
    pub(crate) async fn write(
        &self,
        expected: Option<Version>,
        new: Version,
        value: Bytes,
        ttl: Duration,
        trace: &Trace,
    ) -> Result<bool, StoreError> {
        self.store.write_if(&self.key, expected.as_ref(), &new, value, ttl, trace).await
    }
}
