//! Stores that book starts wrongly.

use std::time::Duration;

use stitchapi_core::pace::{Booking, Cell, LimitId, Reservation, ReserveRequest, transition};
use stitchapi_core::{Key, StitchStore, StoreError, StoreTime, async_trait};

use crate::harness::{Defect, Lock, SoundClient, is_corrupt};

type Done = Result<(), StoreError>;
type Booked = Result<Reservation, StoreError>;

#[derive(Debug, Default)]
pub(crate) struct ReadsThenBooks;
#[async_trait]
impl Defect for ReadsThenBooks {
    const BREAKS: &'static [&'static str] = &["pacer/never-overlaps", "pacer/processes"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        sound.reserve_slowly(key, |cell, now| transition::reserve(cell, now, &request)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LocksPerProcess(Lock);
#[async_trait]
impl Defect for LocksPerProcess {
    const BREAKS: &'static [&'static str] = &["pacer/processes"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let step = sound.reserve_slowly(key, |cell, now| transition::reserve(cell, now, &request));
        self.0.with(sound.id.process, sound, step).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresTheHorizon;
#[async_trait]
impl Defect for IgnoresTheHorizon {
    const BREAKS: &'static [&'static str] = &["pacer/horizon", "pacer/vectors"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let endless = ReserveRequest { horizon: Duration::from_secs(1 << 30), ..request };
        sound.pacer.reserve(key, &endless).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct BooksForExpiredRequests;
#[async_trait]
impl Defect for BooksForExpiredRequests {
    const BREAKS: &'static [&'static str] = &["pacer/expires", "pacer/vectors"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        sound.pacer.reserve(key, &ReserveRequest { expires: None, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct BooksWithoutCalls;
#[async_trait]
impl Defect for BooksWithoutCalls {
    const BREAKS: &'static [&'static str] = &[
        "pacer/no-calls",
        "pacer/snapshot-not-newer",
        "pacer/refund-changed",
        "pacer/refund-twice",
        "pacer/settle-one-limit",
        "pacer/settle-absent",
        "pacer/hold-twice",
        "pacer/vectors",
    ];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let request = if request.calls.is_empty() { request.with_calls(1) } else { request };
        sound.pacer.reserve(key, &request).await
    }
}

/// The ttl of a cell is the period of its shortest limit.
#[derive(Debug, Default)]
pub(crate) struct ExpiresAfterOnePeriod;
#[async_trait]
impl Defect for ExpiresAfterOnePeriod {
    const BREAKS: &'static [&'static str] = &["pacer/outlives-bookings"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let reply = sound.pacer.reserve(key, &request).await?;
        let period = request.limits.iter().map(|limit| limit.id.period()).min();
        if let Some((body, _)) = sound.raw(key).await {
            sound.put_raw(key, b'p', body, period).await;
        }
        Ok(reply)
    }
}

/// Each client returns its own time, and the second client's clock is 40 ms ahead.
#[derive(Debug, Default)]
pub(crate) struct UsesTheClientsClock;
#[async_trait]
impl Defect for UsesTheClientsClock {
    const BREAKS: &'static [&'static str] = &["pacer/one-clock"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let reply = sound.pacer.reserve(key, &request).await?;
        let ahead = Duration::from_millis(40) * u32::from(sound.id.client == 1);
        Ok(Reservation { now: reply.now + ahead, ..reply })
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresTheInitialDelay;
#[async_trait]
impl Defect for IgnoresTheInitialDelay {
    const BREAKS: &'static [&'static str] = &["pacer/initial-delay", "pacer/vectors"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        sound.pacer.reserve(key, &ReserveRequest { initial_delay: Duration::ZERO, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresTheMaximumLateness;
#[async_trait]
impl Defect for IgnoresTheMaximumLateness {
    const BREAKS: &'static [&'static str] =
        &["pacer/in-order", "pacer/never-overlaps", "pacer/processes", "pacer/settle-debt", "pacer/vectors"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        sound.pacer.reserve(key, &ReserveRequest { max_lateness: Duration::ZERO, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct DropsRemainders;
#[async_trait]
impl Defect for DropsRemainders {
    const BREAKS: &'static [&'static str] = &[
        "pacer/expires",
        "pacer/no-calls",
        "pacer/snapshot-not-newer",
        "pacer/refund-changed",
        "pacer/refund-twice",
        "pacer/settle-debt",
        "pacer/settle-credit",
        "pacer/settle-one-limit",
        "pacer/vectors",
    ];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let reply = sound.pacer.reserve(key, &request).await?;
        let drop_remainder = |cell: &mut Cell| cell.limits.iter_mut().for_each(|limit| limit.tat.remainder = 0);
        sound.change_cell(key, drop_remainder).await;
        Ok(reply)
    }
}

/// All keys of a clause are one cell.
#[derive(Debug, Default)]
pub(crate) struct SharesOneCellForAllKeys;
impl SharesOneCellForAllKeys {
    fn together(key: &Key) -> Key {
        let text = format!("{key:?}");
        Key::new("together").part(text.rsplit_once(':').map_or("", |(all, _)| all))
    }
}
#[async_trait]
impl Defect for SharesOneCellForAllKeys {
    const BREAKS: &'static [&'static str] = &[
        "pacer/keys-apart",
        "pacer/delete",
        "pacer/lost",
        "pacer/lost-credit",
        "pacer/lost-recently",
        "pacer/new-cell-credit",
        "pacer/refund-absent",
        "pacer/hold-absent",
        "pacer/process-count-new-cell",
        "pacer/process-count-previous",
        "pacer/process-count",
        "pacer/vectors",
        "pacer/plain-access",
        "pacer/foreign-value",
        "pacer/other-facet",
        "leases/other-facet",
        "versioned/other-facet",
    ];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        sound.pacer.reserve(&Self::together(key), &request).await
    }
    async fn refund(&self, sound: &SoundClient, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        sound.pacer.refund(&Self::together(key), &booking).await
    }
    async fn settle(&self, sound: &SoundClient, key: &Key, limit: &LimitId, delta: i64) -> Done {
        sound.pacer.settle(&Self::together(key), limit, delta).await
    }
    async fn hold(&self, sound: &SoundClient, key: &Key, until: StoreTime, cap: Duration) -> Done {
        sound.pacer.hold(&Self::together(key), until, cap).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsDeletedCells;
#[async_trait]
impl Defect for KeepsDeletedCells {
    const BREAKS: &'static [&'static str] = &["pacer/delete", "pacer/lost", "pacer/process-count-new-cell"];
    async fn delete(&self, sound: &SoundClient, key: &Key) -> Done {
        let cell = sound.cell(key).await.is_some();
        if cell && is_corrupt(&sound.store.get(key).await) { Ok(()) } else { sound.store.delete(key).await }
    }
}

#[derive(Debug, Default)]
pub(crate) struct BooksOverPlainValues;
#[async_trait]
impl Defect for BooksOverPlainValues {
    const BREAKS: &'static [&'static str] =
        &["pacer/foreign-value", "pacer/other-facet", "leases/other-facet", "versioned/other-facet"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let reply = sound.pacer.reserve(key, &request).await;
        if is_corrupt(&reply) {
            sound.store.delete(key).await?;
            return sound.pacer.reserve(key, &request).await;
        }
        reply
    }
}

#[derive(Debug, Default)]
pub(crate) struct OverwritesANewerFormat;
#[async_trait]
impl Defect for OverwritesANewerFormat {
    const BREAKS: &'static [&'static str] = &["pacer/foreign-value"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        if sound.raw(key).await.is_some_and(|(body, _)| body.starts_with(b"2 ")) {
            sound.store.delete(key).await?;
        }
        sound.pacer.reserve(key, &request).await
    }
}

/// A settlement of another facet's value succeeds; all other operations refuse it.
#[derive(Debug, Default)]
pub(crate) struct SettlesPlainValues;
#[async_trait]
impl Defect for SettlesPlainValues {
    const BREAKS: &'static [&'static str] =
        &["pacer/foreign-value", "pacer/other-facet", "leases/other-facet", "versioned/other-facet"];
    async fn settle(&self, sound: &SoundClient, key: &Key, limit: &LimitId, delta: i64) -> Done {
        let settled = sound.pacer.settle(key, limit, delta).await;
        if is_corrupt(&settled) { Ok(()) } else { settled }
    }
}
