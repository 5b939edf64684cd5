//! Stores that miscount those who use a cell.

use stitchapi_core::pace::{Pace, Reservation, Roll};
use stitchapi_core::{Key, StoreError, async_trait};

use crate::fault::Fault;
use crate::good::Good;

type Booked = Result<Reservation, StoreError>;

#[derive(Debug, Default)]
pub(crate) struct CountsEveryRequest;
#[async_trait]
impl Fault for CountsEveryRequest {
    const BREAKS: &'static [&'static str] = &["pacer/counts-once", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        good.pacer.reserve(key, &Pace { counted: None, ..pace }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct DoesNotTellThatItCounted;
#[async_trait]
impl Fault for DoesNotTellThatItCounted {
    const BREAKS: &'static [&'static str] = &["pacer/counts-once", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        let reply = good.pacer.reserve(key, &pace).await?;
        Ok(Reservation { counted: None, ..reply })
    }
}

#[derive(Debug, Default)]
pub(crate) struct ForgetsTheLastWindow;
#[async_trait]
impl Fault for ForgetsTheLastWindow {
    const BREAKS: &'static [&'static str] = &["pacer/counts-last"];
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        let window = Roll::window_at(good.now().await);
        let is_over = good.cell(key).await.is_some_and(|cell| cell.roll.window != window);
        if is_over {
            good.mend(key, |cell| cell.roll = Roll::default()).await;
        }
        good.pacer.reserve(key, &pace).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct BelievesWhatALostCellCounted;
#[async_trait]
impl Fault for BelievesWhatALostCellCounted {
    const BREAKS: &'static [&'static str] = &["pacer/counts-anew", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        let mut reply = good.pacer.reserve(key, &pace).await?;
        let another = pace.seen.is_some_and(|mark| mark.epoch != reply.cell.epoch);
        if another && pace.counted.is_some() && pace.counted == reply.counted {
            reply.cell.roll.count -= 1;
            good.mend(key, |cell| cell.roll.count -= 1).await;
        }
        Ok(reply)
    }
}
