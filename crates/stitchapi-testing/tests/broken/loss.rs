//! Stores that do not notice what they lost, or notice what they did not.

use std::time::Duration;

use stitchapi_core::pace::{Cell, CellSnapshot, Reservation, ReserveRequest, Tat};
use stitchapi_core::{Key, StoreError, async_trait};

use crate::fault::Fault;
use crate::good::Good;

type Booked = Result<Reservation, StoreError>;

#[derive(Debug, Default)]
pub(crate) struct IgnoresMarks;
#[async_trait]
impl Fault for IgnoresMarks {
    const BREAKS: &'static [&'static str] = &[
        "pacer/lost",
        "pacer/lost-credit",
        "pacer/lost-lately",
        "pacer/rolled-back",
        "pacer/first-back",
        "pacer/stays-alone",
        "pacer/counts-once",
        "pacer/vectors",
    ];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        good.pacer.reserve(key, &ReserveRequest { snapshot: None, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct NoticesLossOnly;
#[async_trait]
impl Fault for NoticesLossOnly {
    const BREAKS: &'static [&'static str] =
        &["pacer/rolled-back", "pacer/first-back", "pacer/stays-alone", "pacer/counts-once", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let absent = good.raw(key).await.is_none();
        let snapshot = request.snapshot.clone().filter(|_| absent);
        good.pacer.reserve(key, &ReserveRequest { snapshot, ..request }).await
    }
}

/// A lost cell goes on where the snapshot says, with the credit it would have had there.
#[derive(Debug, Default)]
pub(crate) struct GivesCreditAfterALoss;
#[async_trait]
impl Fault for GivesCreditAfterALoss {
    const BREAKS: &'static [&'static str] = &["pacer/lost-credit"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let now = good.now().await;
        let absent = good.raw(key).await.is_none();
        let snapshot = request.snapshot.clone().filter(|snapshot| absent && snapshot.tats.iter().any(|tat| *tat > now));
        let Some(snapshot) = snapshot else { return good.pacer.reserve(key, &request).await };
        good.pacer.reserve(key, &ReserveRequest { calls: Vec::new(), ..request.clone() }).await?;
        let go_on = |cell: &mut Cell| {
            for (limit, tat) in cell.limits.iter_mut().zip(&snapshot.tats) {
                limit.tat = Tat { micros: tat.0, remainder: 0 };
            }
        };
        good.mend(key, go_on).await;
        good.pacer.reserve(key, &ReserveRequest { snapshot: None, ..request }).await
    }
}

/// Every snapshot that is further on is news, whoever's.
#[derive(Debug, Default)]
pub(crate) struct BelievesEveryMark;
#[async_trait]
impl Fault for BelievesEveryMark {
    const BREAKS: &'static [&'static str] = &[
        "pacer/not-older",
        "pacer/joins-back",
        "pacer/counts-anew",
        "pacer/counts-last",
        "pacer/counts-once",
        "pacer/vectors",
    ];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let Some((cell, snapshot)) = good.cell(key).await.zip(request.snapshot.clone()) else {
            return good.pacer.reserve(key, &request).await;
        };
        let snapshot = Some(CellSnapshot { epoch: cell.epoch, seq: snapshot.seq.max(cell.seq + 1), ..snapshot });
        good.pacer.reserve(key, &ReserveRequest { snapshot, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct GivesNewCellsNoCredit;
#[async_trait]
impl Fault for GivesNewCellsNoCredit {
    const BREAKS: &'static [&'static str] = &[
        "pacer/in-order",
        "pacer/keys-apart",
        "pacer/horizon",
        "pacer/fresh-start",
        "pacer/delete",
        "pacer/lost",
        "pacer/unremembered",
        "pacer/refund-absent",
        "pacer/settle-absent",
        "pacer/vectors",
    ];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let next = good.now().await + Duration::from_micros(1);
        let snapshot =
            CellSnapshot { epoch: 0, seq: 0, tats: request.limits.iter().map(|_| next).collect(), booked: None };
        let absent = good.raw(key).await.is_none();
        let snapshot = if absent { Some(snapshot) } else { request.snapshot.clone() };
        good.pacer.reserve(key, &ReserveRequest { snapshot, ..request }).await
    }
}

/// A cell that is gone was lost only if something was booked ahead in it.
#[derive(Debug, Default)]
pub(crate) struct ForgetsWhatIsOver;
#[async_trait]
impl Fault for ForgetsWhatIsOver {
    const BREAKS: &'static [&'static str] = &["pacer/lost-lately"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let snapshot = request.snapshot.clone().map(|snapshot| CellSnapshot { booked: None, ..snapshot });
        good.pacer.reserve(key, &ReserveRequest { snapshot, ..request }).await
    }
}
