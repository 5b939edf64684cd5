//! The facets of a store of cells.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::envelope::{Foreign, Tag, open, seal};
use super::{Cells, Change};
use crate::pace::step::{self, Stepped};
use crate::pace::{Booking, Cell, CellError, LimitId, Pace, Reservation};
use crate::{Counter, Key, Pacer, StitchStore, StoreError, StoreErrorKind, StoreTime, check_ttl};

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

    /// Runs one step of [`pace::step`](crate::pace::step) on the cell under `key`.
    async fn step<R, F>(&self, key: &Key, operation: &'static str, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&Cell>, StoreTime) -> Stepped<R> + Send + Sync + 'static,
    {
        let update = self.0.update(key, move |old, now| match read_cell(old, now) {
            Ok(cell) => {
                let Stepped { reply, write } = step(cell.as_ref(), now);
                let change = write
                    .map_or(Change::Keep, |cell| seal(Tag::Pacer, cell.to_text().as_bytes(), now, Some(cell.ttl(now))));
                (change, Ok(reply))
            }
            Err(unreadable) => (Change::Keep, Err(unreadable)),
        });
        let updated = update.await.map_err(|error| error.with_operation(operation))?;
        updated.map_err(|unreadable| self.corrupt(operation).with_source(unreadable))
    }
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
    async fn reserve(&self, key: &Key, pace: &Pace) -> Result<Reservation, StoreError> {
        let pace = pace.clone();
        self.step(key, "reserve", move |cell, now| step::reserve(cell, now, &pace)).await
    }

    async fn refund(&self, key: &Key, booking: &Booking) -> Result<bool, StoreError> {
        let booking = booking.clone();
        self.step(key, "refund", move |cell, _| step::refund(cell, &booking)).await
    }

    async fn settle(&self, key: &Key, limit: &LimitId, delta: i64) -> Result<(), StoreError> {
        let limit = limit.clone();
        self.step(key, "settle", move |cell, now| step::settle(cell, now, &limit, delta)).await
    }

    async fn hold(&self, key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError> {
        self.step(key, "hold", move |cell, now| step::hold(cell, now, until, cap)).await
    }
}
