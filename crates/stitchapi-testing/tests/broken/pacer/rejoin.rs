//! Stores that handle the return from an outage wrongly.

use std::time::Duration;

use stitchapi_core::pace::{CellSnapshot, Rejoin, Reservation, ReserveRequest};
use stitchapi_core::{Key, StoreError, StoreTime, async_trait};

use crate::harness::{Defect, SoundClient};

type Booked = Result<Reservation, StoreError>;

#[derive(Debug, Default)]
pub(crate) struct IgnoresRejoins;
#[async_trait]
impl Defect for IgnoresRejoins {
    const BREAKS: &'static [&'static str] = &["pacer/rejoin-first", "pacer/rejoin-second", "pacer/vectors"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        sound.pacer.reserve(key, &ReserveRequest { rejoin: None, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct RejoinsWithoutAPause;
#[async_trait]
impl Defect for RejoinsWithoutAPause {
    const BREAKS: &'static [&'static str] = &["pacer/rejoin-first", "pacer/vectors"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let rejoin = request.rejoin.map(|rejoin| Rejoin { pause: Duration::ZERO, ..rejoin });
        sound.pacer.reserve(key, &ReserveRequest { rejoin, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LetsTheSecondProcessJoinAtOnce;
#[async_trait]
impl Defect for LetsTheSecondProcessJoinAtOnce {
    const BREAKS: &'static [&'static str] = &["pacer/rejoin-second", "pacer/rejoin-last", "pacer/vectors"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        if request.rejoin.is_some() && sound.cell(key).await.is_some() {
            sound.change_cell(key, |cell| cell.local_end = StoreTime(0)).await;
        }
        sound.pacer.reserve(key, &request).await
    }
}

/// Replaces the snapshot by the state of the cell, as if it had not moved since the outage began.
#[derive(Debug, Default)]
pub(crate) struct TreatsEveryRejoinAsTheFirst;
#[async_trait]
impl Defect for TreatsEveryRejoinAsTheFirst {
    const BREAKS: &'static [&'static str] = &["pacer/rejoin-in-use", "pacer/vectors"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let Some(cell) = sound.cell(key).await.filter(|_| request.rejoin.is_some()) else {
            return sound.pacer.reserve(key, &request).await;
        };
        let snapshot = Some(CellSnapshot { epoch: cell.epoch, seq: cell.seq, tats: Vec::new(), booked: None });
        sound.pacer.reserve(key, &ReserveRequest { snapshot, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ForgetsEarlierRejoins;
#[async_trait]
impl Defect for ForgetsEarlierRejoins {
    const BREAKS: &'static [&'static str] = &["pacer/rejoin-last"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let rejoin = request.rejoin.map(|rejoin| Rejoin { since: StoreTime(u64::MAX), ..rejoin });
        sound.pacer.reserve(key, &ReserveRequest { rejoin, ..request }).await
    }
}
