//! Stores to which a fleet does not come back together.

use std::time::Duration;

use stitchapi_core::pace::{Back, Mark, Pace, Reservation};
use stitchapi_core::{Key, StoreError, StoreTime, async_trait};

use crate::fault::Fault;
use crate::good::Good;

type Booked = Result<Reservation, StoreError>;

#[derive(Debug, Default)]
pub(crate) struct LetsEverybodyBackAtOnce;
#[async_trait]
impl Fault for LetsEverybodyBackAtOnce {
    const BREAKS: &'static [&'static str] = &["pacer/first-back", "pacer/stays-alone", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        good.pacer.reserve(key, &Pace { back: None, ..pace }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct SharesAgainWithoutAPause;
#[async_trait]
impl Fault for SharesAgainWithoutAPause {
    const BREAKS: &'static [&'static str] = &["pacer/first-back", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        let back = pace.back.map(|back| Back { pause: Duration::ZERO, ..back });
        good.pacer.reserve(key, &Pace { back, ..pace }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LetsTheSecondBackAtOnce;
#[async_trait]
impl Fault for LetsTheSecondBackAtOnce {
    const BREAKS: &'static [&'static str] = &["pacer/stays-alone", "pacer/joins-late", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        if pace.back.is_some() && good.cell(key).await.is_some() {
            good.mend(key, |cell| cell.local_end = StoreTime(0)).await;
        }
        good.pacer.reserve(key, &pace).await
    }
}

/// Whoever comes back is the first.
#[derive(Debug, Default)]
pub(crate) struct LetsNobodyJoin;
#[async_trait]
impl Fault for LetsNobodyJoin {
    const BREAKS: &'static [&'static str] = &["pacer/joins-back", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        let Some(cell) = good.cell(key).await.filter(|_| pace.back.is_some()) else {
            return good.pacer.reserve(key, &pace).await;
        };
        let seen = Some(Mark { epoch: cell.epoch, seq: cell.seq, tats: Vec::new(), booked: None });
        good.pacer.reserve(key, &Pace { seen, ..pace }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ForgetsWhoWasBack;
#[async_trait]
impl Fault for ForgetsWhoWasBack {
    const BREAKS: &'static [&'static str] = &["pacer/joins-late", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        let back = pace.back.map(|back| Back { since: StoreTime(u64::MAX), ..back });
        good.pacer.reserve(key, &Pace { back, ..pace }).await
    }
}
