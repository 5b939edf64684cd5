//! Stores that refund, settle or hold wrongly.

use std::time::Duration;

use stitchapi_core::pace::{Booking, Cell, LimitId, Reservation, ReserveRequest, Tat, transition};
use stitchapi_core::{Key, StoreError, StoreTime, async_trait};

use crate::harness::{Defect, SoundClient};

type Done = Result<(), StoreError>;

#[derive(Debug, Default)]
pub(crate) struct AcceptsEveryRefund;
#[async_trait]
impl Defect for AcceptsEveryRefund {
    const BREAKS: &'static [&'static str] = &["pacer/refund-changed", "pacer/refund-twice", "pacer/vectors"];
    async fn refund(&self, sound: &SoundClient, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        let Some(cell) = sound.cell(key).await else { return sound.pacer.refund(key, &booking).await };
        sound.pacer.refund(key, &Booking { epoch: cell.epoch, seq: cell.seq, ..booking }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct AcceptsRefundsOfAbsentCells;
#[async_trait]
impl Defect for AcceptsRefundsOfAbsentCells {
    const BREAKS: &'static [&'static str] = &["pacer/refund-absent"];
    async fn refund(&self, sound: &SoundClient, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        let absent = sound.raw(key).await.is_none();
        Ok(sound.pacer.refund(key, &booking).await? || absent)
    }
}

#[derive(Debug, Default)]
pub(crate) struct RefusesEveryRefund;
#[async_trait]
impl Defect for RefusesEveryRefund {
    const BREAKS: &'static [&'static str] = &["pacer/refund", "pacer/vectors"];
    async fn refund(&self, sound: &SoundClient, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        sound.pacer.refund(key, &Booking { seq: u64::MAX, ..booking }).await
    }
}

/// A refund does not change the sequence number.
#[derive(Debug, Default)]
pub(crate) struct AcceptsARefundTwice;
#[async_trait]
impl Defect for AcceptsARefundTwice {
    const BREAKS: &'static [&'static str] = &["pacer/refund-twice", "pacer/vectors"];
    async fn refund(&self, sound: &SoundClient, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        let taken = sound.pacer.refund(key, &booking).await?;
        if taken {
            sound.change_cell(key, |cell| cell.seq -= 1).await;
        }
        Ok(taken)
    }
}

/// A refund compares the sequence number only.
#[derive(Debug, Default)]
pub(crate) struct IgnoresTheEpochOfARefund;
#[async_trait]
impl Defect for IgnoresTheEpochOfARefund {
    const BREAKS: &'static [&'static str] = &["pacer/refund-changed"];
    async fn refund(&self, sound: &SoundClient, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        let epoch = sound.cell(key).await.map_or(booking.epoch, |cell| cell.epoch);
        sound.pacer.refund(key, &Booking { epoch, ..booking }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct SettlesEveryLimit;
#[async_trait]
impl Defect for SettlesEveryLimit {
    const BREAKS: &'static [&'static str] = &["pacer/settle-one-limit", "pacer/settle-absent", "pacer/vectors"];
    async fn settle(&self, sound: &SoundClient, key: &Key, limit: &LimitId, delta: i64) -> Done {
        let Some(cell) = sound.cell(key).await else { return sound.pacer.settle(key, limit, delta).await };
        for state in cell.limits {
            sound.pacer.settle(key, &state.id, delta).await?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct SettlesBelowNow;
#[async_trait]
impl Defect for SettlesBelowNow {
    const BREAKS: &'static [&'static str] = &["pacer/settle-now"];
    async fn settle(&self, sound: &SoundClient, key: &Key, limit: &LimitId, delta: i64) -> Done {
        sound.pacer.settle(key, limit, delta).await?;
        let now = sound.now().await;
        let below = |cell: &mut Cell| {
            for state in cell.limits.iter_mut().filter(|state| state.id == *limit && state.tat.micros == now.0) {
                state.tat = Tat { micros: now.0 - 1_000_000, remainder: 0 };
            }
        };
        if delta < 0 {
            sound.change_cell(key, below).await;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresDebts;
#[async_trait]
impl Defect for IgnoresDebts {
    const BREAKS: &'static [&'static str] = &["pacer/settle-debt", "pacer/settle-one-limit", "pacer/vectors"];
    async fn settle(&self, sound: &SoundClient, key: &Key, limit: &LimitId, delta: i64) -> Done {
        sound.pacer.settle(key, limit, delta.min(0)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresCredits;
#[async_trait]
impl Defect for IgnoresCredits {
    const BREAKS: &'static [&'static str] =
        &["pacer/settle-credit", "pacer/settle-one-limit", "pacer/settle-now", "pacer/vectors"];
    async fn settle(&self, sound: &SoundClient, key: &Key, limit: &LimitId, delta: i64) -> Done {
        sound.pacer.settle(key, limit, delta.max(0)).await
    }
}

/// A settlement does not change the sequence number, so a refund would cancel the debt.
#[derive(Debug, Default)]
pub(crate) struct SettlesWithoutANewSeq;
#[async_trait]
impl Defect for SettlesWithoutANewSeq {
    const BREAKS: &'static [&'static str] = &["pacer/settle-debt", "pacer/vectors"];
    async fn settle(&self, sound: &SoundClient, key: &Key, limit: &LimitId, delta: i64) -> Done {
        let before = sound.cell(key).await.map_or(0, |cell| cell.seq);
        sound.pacer.settle(key, limit, delta).await?;
        sound.change_cell(key, |cell| cell.seq = before).await;
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct CreatesACellToSettle;
#[async_trait]
impl Defect for CreatesACellToSettle {
    const BREAKS: &'static [&'static str] = &["pacer/settle-absent", "pacer/vectors"];
    async fn settle(&self, sound: &SoundClient, key: &Key, limit: &LimitId, delta: i64) -> Done {
        if sound.raw(key).await.is_none() {
            let limit = stitchapi_core::pace::Limit { id: limit.clone(), permits: 1, burst: 1 };
            sound.pacer.reserve(key, &ReserveRequest::new(vec![limit], Duration::ZERO, 99)).await?;
        }
        sound.pacer.settle(key, limit, delta).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresHolds;
#[async_trait]
impl Defect for IgnoresHolds {
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
    async fn hold(&self, sound: &SoundClient, key: &Key, _: StoreTime, cap: Duration) -> Done {
        sound.pacer.hold(key, StoreTime(0), cap).await
    }
}

/// Adds the end of the hold to now, as if it were a duration.
#[derive(Debug, Default)]
pub(crate) struct AddsTheHoldToNow;
#[async_trait]
impl Defect for AddsTheHoldToNow {
    const BREAKS: &'static [&'static str] = &[
        "pacer/hold",
        "pacer/hold-absolute",
        "pacer/hold-later",
        "pacer/hold-absent",
        "pacer/hold-burst",
        "pacer/vectors",
    ];
    async fn hold(&self, sound: &SoundClient, key: &Key, until: StoreTime, cap: Duration) -> Done {
        let from_now = sound.now().await + Duration::from_micros(until.0);
        sound.pacer.hold(key, from_now, cap).await
    }
}

/// Converts the end to a duration when the hold is sent, and back when it arrives.
#[derive(Debug, Default)]
pub(crate) struct DelaysAHoldByItsLatency;
#[async_trait]
impl Defect for DelaysAHoldByItsLatency {
    const BREAKS: &'static [&'static str] =
        &["pacer/hold", "pacer/hold-absolute", "pacer/hold-later", "pacer/hold-absent", "pacer/vectors"];
    async fn hold(&self, sound: &SoundClient, key: &Key, until: StoreTime, cap: Duration) -> Done {
        let remaining = until.since(sound.now().await);
        sound.pause().await;
        let later = sound.now().await + remaining;
        sound.pacer.hold(key, later, cap).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresTheCapOfAHold;
#[async_trait]
impl Defect for IgnoresTheCapOfAHold {
    const BREAKS: &'static [&'static str] = &["pacer/hold-cap"];
    async fn hold(&self, sound: &SoundClient, key: &Key, until: StoreTime, _: Duration) -> Done {
        sound.pacer.hold(key, until, Duration::from_secs(1 << 30)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresMaxHold;
#[async_trait]
impl Defect for IgnoresMaxHold {
    const BREAKS: &'static [&'static str] = &["pacer/hold-read", "pacer/vectors"];
    async fn reserve(
        &self,
        sound: &SoundClient,
        key: &Key,
        request: ReserveRequest,
    ) -> Result<Reservation, StoreError> {
        sound.pacer.reserve(key, &ReserveRequest { max_hold: Duration::from_secs(1 << 30), ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct AddsHolds;
#[async_trait]
impl Defect for AddsHolds {
    const BREAKS: &'static [&'static str] = &["pacer/hold-twice", "pacer/hold-later", "pacer/vectors"];
    async fn hold(&self, sound: &SoundClient, key: &Key, until: StoreTime, cap: Duration) -> Done {
        let held = sound.cell(key).await.map_or(StoreTime(0), |cell| cell.held_until);
        let more = until.since(sound.now().await);
        sound.pacer.hold(key, until.max(held + more), cap).await
    }
}

/// Every hold increments the sequence number, also one that changes nothing.
#[derive(Debug, Default)]
pub(crate) struct IncrementsTheSeqForEveryHold;
#[async_trait]
impl Defect for IncrementsTheSeqForEveryHold {
    const BREAKS: &'static [&'static str] = &["pacer/hold-twice", "pacer/vectors"];
    async fn hold(&self, sound: &SoundClient, key: &Key, until: StoreTime, cap: Duration) -> Done {
        let before = sound.cell(key).await.map_or(0, |cell| cell.seq);
        sound.pacer.hold(key, until, cap).await?;
        sound.change_cell(key, |cell| cell.seq = before + 1).await;
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReplacesAHoldByTheLatest;
#[async_trait]
impl Defect for ReplacesAHoldByTheLatest {
    const BREAKS: &'static [&'static str] = &["pacer/hold-twice", "pacer/hold-later", "pacer/vectors"];
    async fn hold(&self, sound: &SoundClient, key: &Key, until: StoreTime, cap: Duration) -> Done {
        sound.change_cell(key, |cell| cell.held_until = cell.held_until.min(StoreTime(until.0 - 1))).await;
        sound.pacer.hold(key, until, cap).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresHoldsOfAbsentCells;
#[async_trait]
impl Defect for IgnoresHoldsOfAbsentCells {
    const BREAKS: &'static [&'static str] = &["pacer/hold-absent"];
    async fn hold(&self, sound: &SoundClient, key: &Key, until: StoreTime, cap: Duration) -> Done {
        if sound.raw(key).await.is_none() { Ok(()) } else { sound.pacer.hold(key, until, cap).await }
    }
}

/// A hold delays the first start and leaves the limits alone, so the burst that was saved up meanwhile follows it.
#[derive(Debug, Default)]
pub(crate) struct KeepsTheBurstAfterAHold;
#[async_trait]
impl Defect for KeepsTheBurstAfterAHold {
    const BREAKS: &'static [&'static str] = &["pacer/hold-burst", "pacer/vectors"];
    async fn reserve(
        &self,
        sound: &SoundClient,
        key: &Key,
        request: ReserveRequest,
    ) -> Result<Reservation, StoreError> {
        let Some(mut cell) = sound.cell(key).await else { return sound.pacer.reserve(key, &request).await };
        let now = sound.now().await;
        let held = std::mem::take(&mut cell.held_until).min(now + request.max_hold);
        let not_before = Some(request.not_before.unwrap_or_default().max(held));
        let request = ReserveRequest { not_before, ..request };
        let mut stepped = transition::reserve(Some(&cell), now, &request);
        let after = stepped.write.get_or_insert(cell);
        after.held_until = held;
        stepped.reply.cell.held_until = held;
        sound.put_cell(key, after).await;
        Ok(stepped.reply)
    }
}
