//! Stores to which a fleet does not come back together.

use std::time::Duration;

use stitchapi_core::pace::{CellSnapshot, Rejoin, Reservation, ReserveRequest};
use stitchapi_core::{Key, StoreError, StoreTime, async_trait};

use crate::fault::Fault;
use crate::good::Good;

type Booked = Result<Reservation, StoreError>;

#[derive(Debug, Default)]
pub(crate) struct LetsEverybodyBackAtOnce;
#[async_trait]
impl Fault for LetsEverybodyBackAtOnce {
    const BREAKS: &'static [&'static str] = &["pacer/first-back", "pacer/stays-alone", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        good.pacer.reserve(key, &ReserveRequest { rejoin: None, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct SharesAgainWithoutAPause;
#[async_trait]
impl Fault for SharesAgainWithoutAPause {
    const BREAKS: &'static [&'static str] = &["pacer/first-back", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let rejoin = request.rejoin.map(|rejoin| Rejoin { pause: Duration::ZERO, ..rejoin });
        good.pacer.reserve(key, &ReserveRequest { rejoin, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LetsTheSecondBackAtOnce;
#[async_trait]
impl Fault for LetsTheSecondBackAtOnce {
    const BREAKS: &'static [&'static str] = &["pacer/stays-alone", "pacer/joins-late", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        if request.rejoin.is_some() && good.cell(key).await.is_some() {
            good.mend(key, |cell| cell.local_end = StoreTime(0)).await;
        }
        good.pacer.reserve(key, &request).await
    }
}

/// Whoever comes back is the first.
#[derive(Debug, Default)]
pub(crate) struct LetsNobodyJoin;
#[async_trait]
impl Fault for LetsNobodyJoin {
    const BREAKS: &'static [&'static str] = &["pacer/joins-back", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let Some(cell) = good.cell(key).await.filter(|_| request.rejoin.is_some()) else {
            return good.pacer.reserve(key, &request).await;
        };
        let snapshot = Some(CellSnapshot { epoch: cell.epoch, seq: cell.seq, tats: Vec::new(), booked: None });
        good.pacer.reserve(key, &ReserveRequest { snapshot, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ForgetsWhoWasBack;
#[async_trait]
impl Fault for ForgetsWhoWasBack {
    const BREAKS: &'static [&'static str] = &["pacer/joins-late", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let rejoin = request.rejoin.map(|rejoin| Rejoin { since: StoreTime(u64::MAX), ..rejoin });
        good.pacer.reserve(key, &ReserveRequest { rejoin, ..request }).await
    }
}
