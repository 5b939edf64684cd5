//! Plain values on a store of cells, told apart from those of the facets.

use std::time::Duration;

use bytes::Bytes;

use super::envelope::{Tag, open, seal};
use super::{Cells, Change};
use crate::{Key, StitchStore, StoreError, StoreErrorKind, check_ttl};

/// [`StitchStore::get`] for a store of cells. Dropped: nothing happened.
///
/// # Errors
///
/// [`Corrupt`](StoreErrorKind::Corrupt) if the key belongs to a facet, and what [`Cells::update`] fails with.
pub async fn get<S: Cells + StitchStore>(store: &S, key: &Key) -> Result<Option<Bytes>, StoreError> {
    let read = store.update(key, |old, now| {
        let body = open(Tag::Plain, old, now).map(|opened| opened.map(|opened| Bytes::copy_from_slice(opened.body)));
        (Change::Keep, body)
    });
    read.await?.map_err(|_| StoreError::new(StoreErrorKind::Corrupt, store.name(), "get"))
}

/// [`StitchStore::set`] for a store of cells. Dropped: it is done as a whole or not at all.
///
/// # Errors
///
/// [`InvalidConfig`](StoreErrorKind::InvalidConfig) for a ttl of zero, [`Corrupt`](StoreErrorKind::Corrupt) if the key
/// belongs to a facet, and what [`Cells::update`] fails with.
pub async fn set<S: Cells + StitchStore>(
    store: &S,
    key: &Key,
    value: Bytes,
    ttl: Option<Duration>,
) -> Result<(), StoreError> {
    check_ttl(ttl, store.name(), "set")?;
    let write = store.update(key, move |old, now| match open(Tag::Plain, old, now) {
        Ok(_) => (seal(Tag::Plain, &value, now, ttl), Ok(())),
        Err(foreign) => (Change::Keep, Err(foreign)),
    });
    write.await?.map_err(|_| StoreError::new(StoreErrorKind::Corrupt, store.name(), "set"))
}

/// [`StitchStore::delete`] for a store of cells. Dropped: it is done or not.
///
/// # Errors
///
/// What [`Cells::update`] fails with.
pub async fn delete<S: Cells>(store: &S, key: &Key) -> Result<(), StoreError> {
    store.update(key, |_, _| (Change::Delete, ())).await
}
