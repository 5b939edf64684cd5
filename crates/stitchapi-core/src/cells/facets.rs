//! The facets of a store of cells.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};

use super::envelope::{Foreign, Tag, open, seal};
use super::{Cells, Change};
use crate::lease::{self, Lease, LeaseCell};
use crate::pace::transition::{self, Transition};
use crate::pace::{Booking, Cell, CellError, LimitId, Reservation, ReserveRequest};
use crate::{
    Counter, Key, Leases, Owner, Pacer, StitchStore, StoreError, StoreErrorKind, StoreTime, Version, Versioned,
    check_limit, check_ttl,
};

/// Every facet, for a store that has [`Cells`].
///
/// Each operation is one [`Cells::update`]. Every value it writes carries a tag, a format and its deadline on the
/// store's time; a value of another tag is [`Corrupt`](StoreErrorKind::Corrupt) and left as it is.
#[derive(Debug)]
pub struct CellFacets<S>(Arc<S>);

impl<S: Cells + StitchStore> CellFacets<S> {
    /// The facets of `store`.
    #[must_use]
    pub fn new(store: Arc<S>) -> Arc<Self> {
        Arc::new(Self(store))
    }

    fn corrupt(&self, operation: &'static str) -> StoreError {
        StoreError::new(StoreErrorKind::Corrupt, self.0.name(), operation)
    }

    /// Runs one transition of [`pace::transition`](crate::pace::transition) on the cell under `key`.
    async fn step<R, F>(&self, key: &Key, operation: &'static str, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&Cell>, StoreTime) -> Transition<R> + Send + Sync + 'static,
    {
        let update = self.0.update(key, move |old, now| match read_cell(old, now) {
            Ok(cell) => {
                let Transition { reply, write } = step(cell.as_ref(), now);
                let change = write
                    .map_or(Change::Keep, |cell| seal(Tag::Pacer, cell.to_text().as_bytes(), now, Some(cell.ttl(now))));
                (change, Ok(reply))
            }
            Err(unreadable) => (Change::Keep, Err(unreadable)),
        });
        let updated = update.await.map_err(|error| error.with_operation(operation))?;
        updated.map_err(|unreadable| self.corrupt(operation).with_source(unreadable))
    }

    /// Runs one step of [`lease::step`](crate::lease::step) on the cell under `key`.
    async fn lend<R, F>(&self, key: &Key, operation: &'static str, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&LeaseCell>, StoreTime) -> lease::transition::Transition<R> + Send + Sync + 'static,
    {
        let update = self.0.update(key, move |old, now| {
            let Ok(cell) = read_lease(old, now) else { return (Change::Keep, None) };
            let lease::transition::Transition { reply, write } = step(cell.as_ref(), now);
            let change = write
                .map_or(Change::Keep, |cell| seal(Tag::Leases, cell.to_text().as_bytes(), now, Some(cell.ttl(now))));
            (change, Some(reply))
        });
        let updated = update.await.map_err(|error| error.with_operation(operation))?;
        updated.ok_or_else(|| self.corrupt(operation))
    }
}

fn read_lease(value: Option<&[u8]>, now: StoreTime) -> Result<Option<LeaseCell>, Foreign> {
    let Some(opened) = open(Tag::Leases, value, now)? else { return Ok(None) };
    let text = std::str::from_utf8(opened.body).map_err(|_| Foreign)?;
    text.parse().map(Some).map_err(|_| Foreign)
}

/// A versioned value: its version, and what it is.
fn read_version(value: Option<&[u8]>, now: StoreTime) -> Result<Option<(Version, &[u8])>, Foreign> {
    let Some(opened) = open(Tag::Versioned, value, now)? else { return Ok(None) };
    let (version, body) = opened.body.split_first_chunk().ok_or(Foreign)?;
    Ok(Some((Version::from_bytes(*version), body)))
}

fn read_cell(value: Option<&[u8]>, now: StoreTime) -> Result<Option<Cell>, CellError> {
    let Some(opened) = open(Tag::Pacer, value, now).map_err(|Foreign| CellError::Damaged)? else { return Ok(None) };
    let text = std::str::from_utf8(opened.body).map_err(|_| CellError::Damaged)?;
    text.parse().map(Some)
}

#[async_trait]
impl<S: Cells + StitchStore> Counter for CellFacets<S> {
    async fn incr(&self, key: &Key, ttl: Duration) -> Result<u64, StoreError> {
        check_ttl(ttl, self.0.name(), "incr")?;
        let update = self.0.update(key, move |old, now| {
            let (count, left) = match open(Tag::Counter, old, now) {
                Ok(None) => (Some(0), ttl),
                Ok(Some(counter)) => {
                    let count = <[u8; 8]>::try_from(counter.body).ok().map(u64::from_be_bytes);
                    (count, counter.left.unwrap_or(ttl))
                }
                Err(Foreign) => (None, ttl),
            };
            match count.and_then(|count| count.checked_add(1)) {
                Some(count) => (seal(Tag::Counter, &count.to_be_bytes(), now, Some(left)), Some(count)),
                None => (Change::Keep, None),
            }
        });
        let updated = update.await.map_err(|error| error.with_operation("incr"))?;
        updated.ok_or_else(|| self.corrupt("incr"))
    }
}

#[async_trait]
impl<S: Cells + StitchStore> Pacer for CellFacets<S> {
    async fn reserve(&self, key: &Key, request: &ReserveRequest) -> Result<Reservation, StoreError> {
        let request = request.clone();
        self.step(key, "reserve", move |cell, now| transition::reserve(cell, now, &request)).await
    }

    async fn refund(&self, key: &Key, booking: &Booking) -> Result<bool, StoreError> {
        let booking = booking.clone();
        self.step(key, "refund", move |cell, _| transition::refund(cell, &booking)).await
    }

    async fn settle(&self, key: &Key, limit: &LimitId, delta: i64) -> Result<(), StoreError> {
        let limit = limit.clone();
        self.step(key, "settle", move |cell, now| transition::settle(cell, now, &limit, delta)).await
    }

    async fn hold(&self, key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError> {
        self.step(key, "hold", move |cell, now| transition::hold(cell, now, until, cap)).await
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
        park: Duration,
    ) -> Result<Lease, StoreError> {
        check_ttl(ttl, self.0.name(), "acquire")?;
        check_limit(limit, self.0.name(), "acquire")?;
        let owner = *owner;
        self.lend(key, "acquire", move |cell, now| lease::transition::acquire(cell, now, limit, ttl, &owner, park))
            .await
    }

    async fn renew(&self, key: &Key, ttl: Duration, owner: &Owner) -> Result<bool, StoreError> {
        check_ttl(ttl, self.0.name(), "renew")?;
        let owner = *owner;
        self.lend(key, "renew", move |cell, now| lease::transition::renew(cell, now, ttl, &owner)).await
    }

    async fn release(&self, key: &Key, owner: &Owner) -> Result<(), StoreError> {
        let owner = *owner;
        self.lend(key, "release", move |cell, now| lease::transition::release(cell, now, &owner)).await
    }
}

#[async_trait]
impl<S: Cells + StitchStore> Versioned for CellFacets<S> {
    async fn read(&self, key: &Key) -> Result<Option<(Bytes, Version)>, StoreError> {
        let update = self.0.update(key, |old, now| {
            let found = read_version(old, now);
            (Change::Keep, found.map(|found| found.map(|(version, body)| (Bytes::copy_from_slice(body), version))))
        });
        let read = update.await.map_err(|error| error.with_operation("read"))?;
        read.map_err(|Foreign| self.corrupt("read"))
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
        let (expected, new) = (expected.copied(), *new);
        let update = self.0.update(key, move |old, now| match read_version(old, now) {
            Err(Foreign) => (Change::Keep, None),
            Ok(Some((stored, _))) if stored == new => (Change::Keep, Some(true)),
            Ok(stored) if stored.map(|(version, _)| version) != expected => (Change::Keep, Some(false)),
            Ok(_) => {
                let mut body = BytesMut::with_capacity(new.as_bytes().len() + value.len());
                body.put_slice(new.as_bytes());
                body.put_slice(&value);
                (seal(Tag::Versioned, &body, now, ttl), Some(true))
            }
        });
        let written = update.await.map_err(|error| error.with_operation("write_if"))?;
        written.ok_or_else(|| self.corrupt("write_if"))
    }
}
