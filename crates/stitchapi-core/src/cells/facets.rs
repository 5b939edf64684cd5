//! The four facets of a store of cells.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};

use super::envelope::{Foreign, Tag, decode, encode};
use super::update::{Cells, Change};
use crate::lease::{self, Lease, LeaseCell};
use crate::pace::transition;
use crate::pace::{Booking, Cell, CellError, LimitId, Reservation, ReserveRequest};
use crate::transition::Transition;
use crate::{
    Counter, Key, Leases, Owner, Pacer, StitchStore, StoreError, StoreErrorKind, StoreTime, Version, Versioned,
    check_key, check_limit, check_ttl, check_value,
};

/// All four facets of a store that has [`Cells`].
///
/// A [`CellStore`](crate::CellStore) needs no code for it. A store that implements [`StitchStore`] by hand returns it
/// from the accessors of its facets:
///
/// ```
/// # use std::sync::Arc;
/// # use stitchapi_core::{CellFacets, Counter, Key, MemoryStore, StoreError};
/// # let store = Arc::new(MemoryStore::new());
/// let counter: Arc<dyn Counter> = CellFacets::new(store);
/// # futures_executor::block_on(async {
/// assert_eq!(counter.incr(&Key::new("visits"), std::time::Duration::from_secs(60)).await?, 1);
/// # Ok::<(), StoreError>(())
/// # }).unwrap();
/// ```
///
/// * Every operation is one [`Cells::update`].
/// * Every stored value begins with a tag, a format version and its deadline on the store's time. These and the version
///   of a versioned value take at most [`MAX_OVERHEAD`](crate::MAX_OVERHEAD) bytes. An operation on a value with
///   another tag fails as [`Corrupt`](StoreErrorKind::Corrupt) and does not change the value.
/// * A key longer than [`max_key`](crate::StoreLimits::max_key), or a versioned value longer than
///   [`max_value`](crate::StoreLimits::max_value), fails as [`TooLarge`](StoreErrorKind::TooLarge) before the backend
///   is called.
#[derive(Debug)]
pub struct CellFacets<S>(Arc<S>);

impl<S: Cells + StitchStore> CellFacets<S> {
    /// Creates the facets of `store`.
    #[must_use]
    pub fn new(store: Arc<S>) -> Arc<Self> {
        Arc::new(Self(store))
    }

    fn corrupt_error(&self, operation: &'static str) -> StoreError {
        StoreError::new(StoreErrorKind::Corrupt, self.0.name(), operation)
    }

    /// Checks the key and runs [`Cells::update`]. Errors name `operation`.
    async fn update<R, F>(&self, key: &Key, operation: &'static str, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        check_key(key, &*self.0, operation)?;
        self.0.update(key, step).await.map_err(|error| error.with_operation(operation))
    }

    /// Runs a [transition](crate::pace::transition) of the pacing cell (the state of one bucket) under `key`.
    async fn change_pacing<R, F>(&self, key: &Key, operation: &'static str, transition: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&Cell>, StoreTime) -> Transition<Cell, R> + Send + Sync + 'static,
    {
        let step = move |old: Option<&[u8]>, now| match read_pacing(old, now) {
            Ok(cell) => {
                let Transition { reply, write } = transition(cell.as_ref(), now);
                let change = write.map_or(Change::Keep, |cell| {
                    encode(Tag::Pacer, cell.to_text().as_bytes(), now, Some(cell.ttl(now)))
                });
                (change, Ok(reply))
            }
            Err(unreadable) => (Change::Keep, Err(unreadable)),
        };
        let updated = self.update(key, operation, step).await?;
        updated.map_err(|unreadable| self.corrupt_error(operation).with_source(unreadable))
    }

    /// Runs a [transition](crate::lease::transition) of the lease cell (all holders and waiters) under `key`.
    async fn change_leases<R, F>(&self, key: &Key, operation: &'static str, transition: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&LeaseCell>, StoreTime) -> Transition<LeaseCell, R> + Send + Sync + 'static,
    {
        let step = move |old: Option<&[u8]>, now| {
            let Ok(cell) = read_leases(old, now) else { return (Change::Keep, None) };
            let Transition { reply, write } = transition(cell.as_ref(), now);
            let change = write
                .map_or(Change::Keep, |cell| encode(Tag::Leases, cell.to_text().as_bytes(), now, Some(cell.ttl(now))));
            (change, Some(reply))
        };
        self.update(key, operation, step).await?.ok_or_else(|| self.corrupt_error(operation))
    }
}

fn read_pacing(value: Option<&[u8]>, now: StoreTime) -> Result<Option<Cell>, CellError> {
    let Some(decoded) = decode(Tag::Pacer, value, now).map_err(|Foreign| CellError::Damaged)? else { return Ok(None) };
    let text = std::str::from_utf8(decoded.body).map_err(|_| CellError::Damaged)?;
    text.parse().map(Some)
}

fn read_leases(value: Option<&[u8]>, now: StoreTime) -> Result<Option<LeaseCell>, Foreign> {
    let Some(decoded) = decode(Tag::Leases, value, now)? else { return Ok(None) };
    let text = std::str::from_utf8(decoded.body).map_err(|_| Foreign)?;
    text.parse().map(Some).map_err(|_| Foreign)
}

/// Splits a versioned value into its version and the caller's bytes.
fn read_version(value: Option<&[u8]>, now: StoreTime) -> Result<Option<(Version, &[u8])>, Foreign> {
    let Some(decoded) = decode(Tag::Versioned, value, now)? else { return Ok(None) };
    let (version, body) = decoded.body.split_first_chunk().ok_or(Foreign)?;
    Ok(Some((Version::from_bytes(*version), body)))
}

#[async_trait]
impl<S: Cells + StitchStore> Counter for CellFacets<S> {
    async fn incr(&self, key: &Key, ttl: Duration) -> Result<u64, StoreError> {
        check_ttl(ttl, self.0.name(), "incr")?;
        let step = move |old: Option<&[u8]>, now| {
            let (count, left) = match decode(Tag::Counter, old, now) {
                Ok(None) => (Some(0), ttl),
                Ok(Some(counter)) => {
                    let count = <[u8; 8]>::try_from(counter.body).ok().map(u64::from_be_bytes);
                    (count, counter.left.unwrap_or(ttl))
                }
                Err(Foreign) => (None, ttl),
            };
            match count.and_then(|count| count.checked_add(1)) {
                Some(count) => (encode(Tag::Counter, &count.to_be_bytes(), now, Some(left)), Some(count)),
                None => (Change::Keep, None),
            }
        };
        self.update(key, "incr", step).await?.ok_or_else(|| self.corrupt_error("incr"))
    }
}

#[async_trait]
impl<S: Cells + StitchStore> Pacer for CellFacets<S> {
    async fn reserve(&self, key: &Key, request: &ReserveRequest) -> Result<Reservation, StoreError> {
        let request = request.clone();
        self.change_pacing(key, "reserve", move |cell, now| transition::reserve(cell, now, &request)).await
    }

    async fn refund(&self, key: &Key, booking: &Booking) -> Result<bool, StoreError> {
        let booking = booking.clone();
        self.change_pacing(key, "refund", move |cell, _| transition::refund(cell, &booking)).await
    }

    async fn settle(&self, key: &Key, limit: &LimitId, delta: i64) -> Result<(), StoreError> {
        let limit = limit.clone();
        self.change_pacing(key, "settle", move |cell, now| transition::settle(cell, now, &limit, delta)).await
    }

    async fn hold(&self, key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError> {
        self.change_pacing(key, "hold", move |cell, now| transition::hold(cell, now, until, cap)).await
    }
}

#[async_trait]
impl<S: Cells + StitchStore> Leases for CellFacets<S> {
    async fn acquire(
        &self,
        key: &Key,
        limit: u32,
        ttl: Duration,
        owner: &Owner,
        queue_ttl: Duration,
    ) -> Result<Lease, StoreError> {
        check_ttl(ttl, self.0.name(), "acquire")?;
        check_limit(limit, self.0.name(), "acquire")?;
        let owner = *owner;
        self.change_leases(key, "acquire", move |cell, now| {
            lease::transition::acquire(cell, now, limit, ttl, &owner, queue_ttl)
        })
        .await
    }

    async fn renew(&self, key: &Key, ttl: Duration, owner: &Owner) -> Result<bool, StoreError> {
        check_ttl(ttl, self.0.name(), "renew")?;
        let owner = *owner;
        self.change_leases(key, "renew", move |cell, now| lease::transition::renew(cell, now, ttl, &owner)).await
    }

    async fn release(&self, key: &Key, owner: &Owner) -> Result<(), StoreError> {
        let owner = *owner;
        self.change_leases(key, "release", move |cell, now| lease::transition::release(cell, now, &owner)).await
    }
}

#[async_trait]
impl<S: Cells + StitchStore> Versioned for CellFacets<S> {
    async fn read(&self, key: &Key) -> Result<Option<(Bytes, Version)>, StoreError> {
        let step = |old: Option<&[u8]>, now| {
            let found = read_version(old, now);
            (Change::Keep, found.map(|found| found.map(|(version, body)| (Bytes::copy_from_slice(body), version))))
        };
        self.update(key, "read", step).await?.map_err(|Foreign| self.corrupt_error("read"))
    }

    async fn write_if(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &Version,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        check_ttl(ttl, self.0.name(), "write_if")?;
        check_value(&value, &*self.0, "write_if")?;
        let (expected, new) = (expected.copied(), *new);
        let step = move |old: Option<&[u8]>, now| match read_version(old, now) {
            Err(Foreign) => (Change::Keep, None),
            Ok(Some((stored, _))) if stored == new => (Change::Keep, Some(true)),
            Ok(stored) if stored.map(|(version, _)| version) != expected => (Change::Keep, Some(false)),
            Ok(_) => {
                let mut body = BytesMut::with_capacity(new.as_bytes().len() + value.len());
                body.put_slice(new.as_bytes());
                body.put_slice(&value);
                (encode(Tag::Versioned, &body, now, ttl), Some(true))
            }
        };
        self.update(key, "write_if", step).await?.ok_or_else(|| self.corrupt_error("write_if"))
    }
}
