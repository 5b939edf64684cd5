//! Stores that refund, settle or hold wrongly.

use std::time::Duration;

use stitchapi_core::pace::{Booking, Cell, LimitId, Reservation, ReserveRequest, Tat, transition};
use stitchapi_core::{Key, StoreError, StoreTime, async_trait};

use crate::fault::Fault;
use crate::good::Good;

type Done = Result<(), StoreError>;

#[derive(Debug, Default)]
pub(crate) struct TakesEveryRefund;
#[async_trait]
impl Fault for TakesEveryRefund {
    const BREAKS: &'static [&'static str] = &["pacer/refund-changed", "pacer/refund-twice", "pacer/vectors"];
    async fn refund(&self, good: &Good, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        let Some(cell) = good.cell(key).await else { return good.pacer.refund(key, &booking).await };
        good.pacer.refund(key, &Booking { epoch: cell.epoch, seq: cell.seq, ..booking }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct TakesRefundsOfNothing;
#[async_trait]
impl Fault for TakesRefundsOfNothing {
    const BREAKS: &'static [&'static str] = &["pacer/refund-absent"];
    async fn refund(&self, good: &Good, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        let absent = good.raw(key).await.is_none();
        Ok(good.pacer.refund(key, &booking).await? || absent)
    }
}

#[derive(Debug, Default)]
pub(crate) struct TakesNoRefund;
#[async_trait]
impl Fault for TakesNoRefund {
    const BREAKS: &'static [&'static str] = &["pacer/refund", "pacer/vectors"];
    async fn refund(&self, good: &Good, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        good.pacer.refund(key, &Booking { seq: u64::MAX, ..booking }).await
    }
}

/// It leaves the seq as it was.
#[derive(Debug, Default)]
pub(crate) struct TakesRefundsTwice;
#[async_trait]
impl Fault for TakesRefundsTwice {
    const BREAKS: &'static [&'static str] = &["pacer/refund-twice", "pacer/vectors"];
    async fn refund(&self, good: &Good, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        let taken = good.pacer.refund(key, &booking).await?;
        if taken {
            good.mend(key, |cell| cell.seq -= 1).await;
        }
        Ok(taken)
    }
}

/// It compares the seq alone.
#[derive(Debug, Default)]
pub(crate) struct RefundsAcrossEpochs;
#[async_trait]
impl Fault for RefundsAcrossEpochs {
    const BREAKS: &'static [&'static str] = &["pacer/refund-changed"];
    async fn refund(&self, good: &Good, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        let epoch = good.cell(key).await.map_or(booking.epoch, |cell| cell.epoch);
        good.pacer.refund(key, &Booking { epoch, ..booking }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct SettlesEveryLimit;
#[async_trait]
impl Fault for SettlesEveryLimit {
    const BREAKS: &'static [&'static str] = &["pacer/settle-one-limit", "pacer/settle-absent", "pacer/vectors"];
    async fn settle(&self, good: &Good, key: &Key, limit: &LimitId, delta: i64) -> Done {
        let Some(cell) = good.cell(key).await else { return good.pacer.settle(key, limit, delta).await };
        for state in cell.limits {
            good.pacer.settle(key, &state.id, delta).await?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct GivesBackBelowNow;
#[async_trait]
impl Fault for GivesBackBelowNow {
    const BREAKS: &'static [&'static str] = &["pacer/settle-now"];
    async fn settle(&self, good: &Good, key: &Key, limit: &LimitId, delta: i64) -> Done {
        good.pacer.settle(key, limit, delta).await?;
        let now = good.now().await;
        let below = |cell: &mut Cell| {
            for state in cell.limits.iter_mut().filter(|state| state.id == *limit && state.tat.micros == now.0) {
                state.tat = Tat { micros: now.0 - 1_000_000, remainder: 0 };
            }
        };
        if delta < 0 {
            good.mend(key, below).await;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct TakesNoDebt;
#[async_trait]
impl Fault for TakesNoDebt {
    const BREAKS: &'static [&'static str] = &["pacer/debt", "pacer/settle-one-limit", "pacer/vectors"];
    async fn settle(&self, good: &Good, key: &Key, limit: &LimitId, delta: i64) -> Done {
        good.pacer.settle(key, limit, delta.min(0)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct GivesNothingBack;
#[async_trait]
impl Fault for GivesNothingBack {
    const BREAKS: &'static [&'static str] =
        &["pacer/give-back", "pacer/settle-one-limit", "pacer/settle-now", "pacer/vectors"];
    async fn settle(&self, good: &Good, key: &Key, limit: &LimitId, delta: i64) -> Done {
        good.pacer.settle(key, limit, delta.max(0)).await
    }
}

/// A refund would take the debt back.
#[derive(Debug, Default)]
pub(crate) struct SettlesWithoutASeq;
#[async_trait]
impl Fault for SettlesWithoutASeq {
    const BREAKS: &'static [&'static str] = &["pacer/debt", "pacer/vectors"];
    async fn settle(&self, good: &Good, key: &Key, limit: &LimitId, delta: i64) -> Done {
        let before = good.cell(key).await.map_or(0, |cell| cell.seq);
        good.pacer.settle(key, limit, delta).await?;
        good.mend(key, |cell| cell.seq = before).await;
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct MakesACellToSettle;
#[async_trait]
impl Fault for MakesACellToSettle {
    const BREAKS: &'static [&'static str] = &["pacer/settle-absent"];
    async fn settle(&self, good: &Good, key: &Key, limit: &LimitId, delta: i64) -> Done {
        if good.raw(key).await.is_none() {
            let limit = stitchapi_core::pace::Limit { id: limit.clone(), permits: 1, burst: 1 };
            good.pacer.reserve(key, &ReserveRequest::new(vec![limit], Duration::ZERO, 99)).await?;
        }
        good.pacer.settle(key, limit, delta).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct HoldsNobody;
#[async_trait]
impl Fault for HoldsNobody {
    const BREAKS: &'static [&'static str] = &[
        "pacer/hold",
        "pacer/hold-absolute",
        "pacer/hold-later",
        "pacer/hold-cap",
        "pacer/hold-read",
        "pacer/hold-absent",
        "pacer/hold-burst",
        "pacer/vectors",
    ];
    async fn hold(&self, good: &Good, key: &Key, _: StoreTime, cap: Duration) -> Done {
        good.pacer.hold(key, StoreTime(0), cap).await
    }
}

/// It takes the end for a length.
#[derive(Debug, Default)]
pub(crate) struct HoldsFromNow;
#[async_trait]
impl Fault for HoldsFromNow {
    const BREAKS: &'static [&'static str] = &[
        "pacer/hold",
        "pacer/hold-absolute",
        "pacer/hold-later",
        "pacer/hold-absent",
        "pacer/hold-burst",
        "pacer/vectors",
    ];
    async fn hold(&self, good: &Good, key: &Key, until: StoreTime, cap: Duration) -> Done {
        let from_now = good.now().await + Duration::from_micros(until.0);
        good.pacer.hold(key, from_now, cap).await
    }
}

/// It subtracts the time at which the client sent it, and adds the time at which it came.
#[derive(Debug, Default)]
pub(crate) struct HoldsLaterByTheWay;
#[async_trait]
impl Fault for HoldsLaterByTheWay {
    const BREAKS: &'static [&'static str] =
        &["pacer/hold", "pacer/hold-absolute", "pacer/hold-later", "pacer/hold-absent", "pacer/vectors"];
    async fn hold(&self, good: &Good, key: &Key, until: StoreTime, cap: Duration) -> Done {
        let remaining = until.since(good.now().await);
        good.pause().await;
        let later = good.now().await + remaining;
        good.pacer.hold(key, later, cap).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct HoldsForever;
#[async_trait]
impl Fault for HoldsForever {
    const BREAKS: &'static [&'static str] = &["pacer/hold-cap"];
    async fn hold(&self, good: &Good, key: &Key, until: StoreTime, _: Duration) -> Done {
        good.pacer.hold(key, until, Duration::from_secs(1 << 30)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct BelievesLongHolds;
#[async_trait]
impl Fault for BelievesLongHolds {
    const BREAKS: &'static [&'static str] = &["pacer/hold-read", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Result<Reservation, StoreError> {
        good.pacer.reserve(key, &ReserveRequest { max_hold: Duration::from_secs(1 << 30), ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct AddsHoldsUp;
#[async_trait]
impl Fault for AddsHoldsUp {
    const BREAKS: &'static [&'static str] = &["pacer/hold-twice", "pacer/hold-later", "pacer/vectors"];
    async fn hold(&self, good: &Good, key: &Key, until: StoreTime, cap: Duration) -> Done {
        let held = good.cell(key).await.map_or(StoreTime(0), |cell| cell.held_until);
        let more = until.since(good.now().await);
        good.pacer.hold(key, until.max(held + more), cap).await
    }
}

/// The seq moves with every hold, whether it changes anything or not.
#[derive(Debug, Default)]
pub(crate) struct CountsEveryHold;
#[async_trait]
impl Fault for CountsEveryHold {
    const BREAKS: &'static [&'static str] = &["pacer/hold-twice", "pacer/vectors"];
    async fn hold(&self, good: &Good, key: &Key, until: StoreTime, cap: Duration) -> Done {
        let before = good.cell(key).await.map_or(0, |cell| cell.seq);
        good.pacer.hold(key, until, cap).await?;
        good.mend(key, |cell| cell.seq = before + 1).await;
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct LetsTheLastHoldWin;
#[async_trait]
impl Fault for LetsTheLastHoldWin {
    const BREAKS: &'static [&'static str] = &["pacer/hold-twice", "pacer/hold-later", "pacer/vectors"];
    async fn hold(&self, good: &Good, key: &Key, until: StoreTime, cap: Duration) -> Done {
        good.mend(key, |cell| cell.held_until = cell.held_until.min(StoreTime(until.0 - 1))).await;
        good.pacer.hold(key, until, cap).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct HoldsOnlyACell;
#[async_trait]
impl Fault for HoldsOnlyACell {
    const BREAKS: &'static [&'static str] = &["pacer/hold-absent"];
    async fn hold(&self, good: &Good, key: &Key, until: StoreTime, cap: Duration) -> Done {
        if good.raw(key).await.is_none() { Ok(()) } else { good.pacer.hold(key, until, cap).await }
    }
}

/// The hold moves the slot and not the limits: the burst of the pause comes behind it.
#[derive(Debug, Default)]
pub(crate) struct KeepsTheBurstBehindAHold;
#[async_trait]
impl Fault for KeepsTheBurstBehindAHold {
    const BREAKS: &'static [&'static str] = &["pacer/hold-burst", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Result<Reservation, StoreError> {
        let Some(mut cell) = good.cell(key).await else { return good.pacer.reserve(key, &request).await };
        let now = good.now().await;
        let held = std::mem::take(&mut cell.held_until).min(now + request.max_hold);
        let not_before = Some(request.not_before.unwrap_or_default().max(held));
        let request = ReserveRequest { not_before, ..request };
        let mut stepped = transition::reserve(Some(&cell), now, &request);
        let after = stepped.write.get_or_insert(cell);
        after.held_until = held;
        stepped.reply.cell.held_until = held;
        good.put_cell(key, after).await;
        Ok(stepped.reply)
    }
}
