//! Stores that miss a lost or rolled-back cell, or repair one that is neither.

use std::time::Duration;

use stitchapi_core::pace::{Cell, CellSnapshot, Reservation, ReserveRequest, Tat};
use stitchapi_core::{Key, StoreError, async_trait};

use crate::harness::{Defect, SoundClient};

type Booked = Result<Reservation, StoreError>;

#[derive(Debug, Default)]
pub(crate) struct IgnoresSnapshots;
#[async_trait]
impl Defect for IgnoresSnapshots {
    const BREAKS: &'static [&'static str] = &[
        "pacer/lost",
        "pacer/lost-credit",
        "pacer/lost-recently",
        "pacer/rolled-back",
        "pacer/rejoin-first",
        "pacer/rejoin-second",
        "pacer/process-count",
        "pacer/vectors",
    ];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        sound.pacer.reserve(key, &ReserveRequest { snapshot: None, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct DetectsLossButNotRollback;
#[async_trait]
impl Defect for DetectsLossButNotRollback {
    const BREAKS: &'static [&'static str] =
        &["pacer/rolled-back", "pacer/rejoin-first", "pacer/rejoin-second", "pacer/process-count", "pacer/vectors"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let absent = sound.raw(key).await.is_none();
        let snapshot = request.snapshot.clone().filter(|_| absent);
        sound.pacer.reserve(key, &ReserveRequest { snapshot, ..request }).await
    }
}

/// A lost cell continues at the tats of the snapshot, with the burst credit that it had there.
#[derive(Debug, Default)]
pub(crate) struct GivesCreditAfterALoss;
#[async_trait]
impl Defect for GivesCreditAfterALoss {
    const BREAKS: &'static [&'static str] = &["pacer/lost-credit"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let now = sound.now().await;
        let absent = sound.raw(key).await.is_none();
        let snapshot = request.snapshot.clone().filter(|snapshot| absent && snapshot.tats.iter().any(|tat| *tat > now));
        let Some(snapshot) = snapshot else { return sound.pacer.reserve(key, &request).await };
        sound.pacer.reserve(key, &ReserveRequest { calls: Vec::new(), ..request.clone() }).await?;
        let go_on = |cell: &mut Cell| {
            for (limit, tat) in cell.limits.iter_mut().zip(&snapshot.tats) {
                limit.tat = Tat { micros: tat.0, remainder: 0 };
            }
        };
        sound.change_cell(key, go_on).await;
        sound.pacer.reserve(key, &ReserveRequest { snapshot: None, ..request }).await
    }
}

/// Every snapshot is taken for one of the present epoch with a later sequence number.
#[derive(Debug, Default)]
pub(crate) struct AcceptsEverySnapshot;
#[async_trait]
impl Defect for AcceptsEverySnapshot {
    const BREAKS: &'static [&'static str] = &[
        "pacer/snapshot-not-newer",
        "pacer/rejoin-in-use",
        "pacer/process-count-new-cell",
        "pacer/process-count-previous",
        "pacer/process-count",
        "pacer/vectors",
    ];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let Some((cell, snapshot)) = sound.cell(key).await.zip(request.snapshot.clone()) else {
            return sound.pacer.reserve(key, &request).await;
        };
        let snapshot = Some(CellSnapshot { epoch: cell.epoch, seq: snapshot.seq.max(cell.seq + 1), ..snapshot });
        sound.pacer.reserve(key, &ReserveRequest { snapshot, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct GivesNewCellsNoCredit;
#[async_trait]
impl Defect for GivesNewCellsNoCredit {
    const BREAKS: &'static [&'static str] = &[
        "pacer/in-order",
        "pacer/keys-apart",
        "pacer/horizon",
        "pacer/initial-delay",
        "pacer/delete",
        "pacer/lost",
        "pacer/new-cell-credit",
        "pacer/refund-absent",
        "pacer/settle-absent",
        "pacer/vectors",
    ];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let next = sound.now().await + Duration::from_micros(1);
        let snapshot =
            CellSnapshot { epoch: 0, seq: 0, tats: request.limits.iter().map(|_| next).collect(), booked: None };
        let absent = sound.raw(key).await.is_none();
        let snapshot = if absent { Some(snapshot) } else { request.snapshot.clone() };
        sound.pacer.reserve(key, &ReserveRequest { snapshot, ..request }).await
    }
}

/// An absent cell counts as lost only if a start was booked ahead of now.
#[derive(Debug, Default)]
pub(crate) struct ForgetsPastBookings;
#[async_trait]
impl Defect for ForgetsPastBookings {
    const BREAKS: &'static [&'static str] = &["pacer/lost-recently"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let snapshot = request.snapshot.clone().map(|snapshot| CellSnapshot { booked: None, ..snapshot });
        sound.pacer.reserve(key, &ReserveRequest { snapshot, ..request }).await
    }
}
