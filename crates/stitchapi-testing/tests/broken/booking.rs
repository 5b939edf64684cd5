//! Stores that book wrongly.

use std::time::Duration;

use stitchapi_core::pace::{Booking, Cell, LimitId, Reservation, ReserveRequest, transition};
use stitchapi_core::{Key, StitchStore, StoreError, StoreTime, async_trait};

use crate::fault::Fault;
use crate::good::{Good, Lock, is_corrupt};

type Done = Result<(), StoreError>;
type Booked = Result<Reservation, StoreError>;

#[derive(Debug, Default)]
pub(crate) struct ReadsThenBooks;
#[async_trait]
impl Fault for ReadsThenBooks {
    const BREAKS: &'static [&'static str] = &["pacer/never-overlaps", "pacer/processes"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        good.step_slowly(key, |cell, now| transition::reserve(cell, now, &request)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LocksInTheProcess(Lock);
#[async_trait]
impl Fault for LocksInTheProcess {
    const BREAKS: &'static [&'static str] = &["pacer/processes"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let step = good.step_slowly(key, |cell, now| transition::reserve(cell, now, &request));
        self.0.with(good.id.process, good, step).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresTheHorizon;
#[async_trait]
impl Fault for IgnoresTheHorizon {
    const BREAKS: &'static [&'static str] = &["pacer/horizon", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let endless = ReserveRequest { horizon: Duration::from_secs(1 << 30), ..request };
        good.pacer.reserve(key, &endless).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct BooksForTheDead;
#[async_trait]
impl Fault for BooksForTheDead {
    const BREAKS: &'static [&'static str] = &["pacer/expires", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        good.pacer.reserve(key, &ReserveRequest { expires: None, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct BooksWhenTouched;
#[async_trait]
impl Fault for BooksWhenTouched {
    const BREAKS: &'static [&'static str] = &[
        "pacer/touch",
        "pacer/not-older",
        "pacer/refund-changed",
        "pacer/refund-twice",
        "pacer/settle-one-limit",
        "pacer/settle-absent",
        "pacer/hold-twice",
        "pacer/vectors",
    ];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let request = if request.calls.is_empty() { request.with_calls(1) } else { request };
        good.pacer.reserve(key, &request).await
    }
}

/// The period of the shortest limit as the ttl of the cell.
#[derive(Debug, Default)]
pub(crate) struct ForgetsAfterAPeriod;
#[async_trait]
impl Fault for ForgetsAfterAPeriod {
    const BREAKS: &'static [&'static str] = &["pacer/backlog"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let reply = good.pacer.reserve(key, &request).await?;
        let period = request.limits.iter().map(|limit| limit.id.period()).min();
        if let Some((body, _)) = good.raw(key).await {
            good.put_raw(key, b'p', body, period).await;
        }
        Ok(reply)
    }
}

/// Its clients tell the time by themselves, and the second one is ahead.
#[derive(Debug, Default)]
pub(crate) struct HasNoClock;
#[async_trait]
impl Fault for HasNoClock {
    const BREAKS: &'static [&'static str] = &["pacer/one-clock"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let reply = good.pacer.reserve(key, &request).await?;
        let ahead = Duration::from_millis(40) * u32::from(good.id.client == 1);
        Ok(Reservation { now: reply.now + ahead, ..reply })
    }
}

#[derive(Debug, Default)]
pub(crate) struct StartsFreshAtOnce;
#[async_trait]
impl Fault for StartsFreshAtOnce {
    const BREAKS: &'static [&'static str] = &["pacer/fresh-start", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        good.pacer.reserve(key, &ReserveRequest { fresh_start: Duration::ZERO, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct SpacesWithoutTheGuard;
#[async_trait]
impl Fault for SpacesWithoutTheGuard {
    const BREAKS: &'static [&'static str] =
        &["pacer/in-order", "pacer/never-overlaps", "pacer/processes", "pacer/debt", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        good.pacer.reserve(key, &ReserveRequest { guard: Duration::ZERO, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct RoundsDown;
#[async_trait]
impl Fault for RoundsDown {
    const BREAKS: &'static [&'static str] = &[
        "pacer/expires",
        "pacer/touch",
        "pacer/not-older",
        "pacer/refund-changed",
        "pacer/refund-twice",
        "pacer/debt",
        "pacer/give-back",
        "pacer/settle-one-limit",
        "pacer/vectors",
    ];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let reply = good.pacer.reserve(key, &request).await?;
        let drop_remainder = |cell: &mut Cell| cell.limits.iter_mut().for_each(|limit| limit.tat.remainder = 0);
        good.mend(key, drop_remainder).await;
        Ok(reply)
    }
}

/// All the cells of one scene are one.
#[derive(Debug, Default)]
pub(crate) struct PacesKeysTogether;
impl PacesKeysTogether {
    fn together(key: &Key) -> Key {
        let text = format!("{key:?}");
        Key::new("together").part(text.rsplit_once(':').map_or("", |(all, _)| all))
    }
}
#[async_trait]
impl Fault for PacesKeysTogether {
    const BREAKS: &'static [&'static str] = &[
        "pacer/keys-apart",
        "pacer/delete",
        "pacer/lost",
        "pacer/lost-credit",
        "pacer/lost-lately",
        "pacer/unremembered",
        "pacer/refund-absent",
        "pacer/hold-absent",
        "pacer/counts-anew",
        "pacer/counts-last",
        "pacer/counts-once",
        "pacer/vectors",
        "pacer/plain-access",
        "pacer/foreign-value",
        "pacer/other-facet",
        "leases/other-facet",
        "versioned/other-facet",
    ];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        good.pacer.reserve(&Self::together(key), &request).await
    }
    async fn refund(&self, good: &Good, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        good.pacer.refund(&Self::together(key), &booking).await
    }
    async fn settle(&self, good: &Good, key: &Key, limit: &LimitId, delta: i64) -> Done {
        good.pacer.settle(&Self::together(key), limit, delta).await
    }
    async fn hold(&self, good: &Good, key: &Key, until: StoreTime, cap: Duration) -> Done {
        good.pacer.hold(&Self::together(key), until, cap).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsDeletedCells;
#[async_trait]
impl Fault for KeepsDeletedCells {
    const BREAKS: &'static [&'static str] = &["pacer/delete", "pacer/lost", "pacer/counts-anew"];
    async fn delete(&self, good: &Good, key: &Key) -> Done {
        let cell = good.cell(key).await.is_some();
        if cell && is_corrupt(&good.store.get(key).await) { Ok(()) } else { good.store.delete(key).await }
    }
}

#[derive(Debug, Default)]
pub(crate) struct BooksOverValues;
#[async_trait]
impl Fault for BooksOverValues {
    const BREAKS: &'static [&'static str] =
        &["pacer/foreign-value", "pacer/other-facet", "leases/other-facet", "versioned/other-facet"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let reply = good.pacer.reserve(key, &request).await;
        if is_corrupt(&reply) {
            good.store.delete(key).await?;
            return good.pacer.reserve(key, &request).await;
        }
        reply
    }
}

#[derive(Debug, Default)]
pub(crate) struct TakesANewerFormatForNone;
#[async_trait]
impl Fault for TakesANewerFormatForNone {
    const BREAKS: &'static [&'static str] = &["pacer/foreign-value"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        if good.raw(key).await.is_some_and(|(body, _)| body.starts_with(b"2 ")) {
            good.store.delete(key).await?;
        }
        good.pacer.reserve(key, &request).await
    }
}

/// What it says of a value is right for everything but a settlement.
#[derive(Debug, Default)]
pub(crate) struct SettlesValuesSilently;
#[async_trait]
impl Fault for SettlesValuesSilently {
    const BREAKS: &'static [&'static str] =
        &["pacer/foreign-value", "pacer/other-facet", "leases/other-facet", "versioned/other-facet"];
    async fn settle(&self, good: &Good, key: &Key, limit: &LimitId, delta: i64) -> Done {
        let settled = good.pacer.settle(key, limit, delta).await;
        if is_corrupt(&settled) { Ok(()) } else { settled }
    }
}
