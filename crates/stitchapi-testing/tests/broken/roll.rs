//! Stores that miscount those who use a cell.

use stitchapi_core::pace::{ProcessCount, Reservation, ReserveRequest};
use stitchapi_core::{Key, StoreError, async_trait};

use crate::fault::Fault;
use crate::good::Good;

type Booked = Result<Reservation, StoreError>;

#[derive(Debug, Default)]
pub(crate) struct CountsEveryRequest;
#[async_trait]
impl Fault for CountsEveryRequest {
    const BREAKS: &'static [&'static str] = &["pacer/counts-once", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        good.pacer.reserve(key, &ReserveRequest { counted: None, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct DoesNotTellThatItCounted;
#[async_trait]
impl Fault for DoesNotTellThatItCounted {
    const BREAKS: &'static [&'static str] = &["pacer/counts-once", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let reply = good.pacer.reserve(key, &request).await?;
        Ok(Reservation { counted: None, ..reply })
    }
}

#[derive(Debug, Default)]
pub(crate) struct ForgetsTheLastWindow;
#[async_trait]
impl Fault for ForgetsTheLastWindow {
    const BREAKS: &'static [&'static str] = &["pacer/counts-last"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let window = ProcessCount::window_at(good.now().await);
        let is_over = good.cell(key).await.is_some_and(|cell| cell.processes.window != window);
        if is_over {
            good.mend(key, |cell| cell.processes = ProcessCount::default()).await;
        }
        good.pacer.reserve(key, &request).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct BelievesWhatALostCellCounted;
#[async_trait]
impl Fault for BelievesWhatALostCellCounted {
    const BREAKS: &'static [&'static str] = &["pacer/counts-anew", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Booked {
        let mut reply = good.pacer.reserve(key, &request).await?;
        let another = request.snapshot.is_some_and(|snapshot| snapshot.epoch != reply.cell.epoch);
        if another && request.counted.is_some() && request.counted == reply.counted {
            reply.cell.processes.current -= 1;
            good.mend(key, |cell| cell.processes.current -= 1).await;
        }
        Ok(reply)
    }
}
