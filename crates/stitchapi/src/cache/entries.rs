//! Reads and writes cached responses in the store.

use std::time::Duration;

use stitchapi_core::StoreError;

use super::entry::CacheEntry;
use super::key::CacheKey;
use crate::context::CallContext;
use crate::trace::{EventKind, Unreadable};

/// Reads an entry; `None` is a miss. An entry that cannot be decoded is emitted as an event and counts as a miss.
///
/// # Errors
///
/// The failure of the store, which has been emitted as an event.
pub(super) async fn read_entry(context: &CallContext, key: &CacheKey) -> Result<Option<CacheEntry>, StoreError> {
    let Some(bytes) = context.store.get(key.as_key(), &context.trace).await? else { return Ok(None) };
    let entry = CacheEntry::from_bytes(bytes);
    if entry.is_none() {
        context.trace.emit(EventKind::Unreadable { what: Unreadable::CachedResponse });
    }
    Ok(entry)
}

/// Writes an entry. Returns `false` if it is too large for the store, or the store fails; the failure has been emitted
/// as an event.
pub(super) async fn write_entry(context: &CallContext, key: &CacheKey, entry: &CacheEntry, ttl: Duration) -> bool {
    let bytes = entry.to_bytes();
    context.store.fits(bytes.len()) && context.store.set(key.as_key(), bytes, ttl, &context.trace).await.is_ok()
}
