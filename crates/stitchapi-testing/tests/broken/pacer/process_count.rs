//! Stores that count the processes of a cell wrongly.

use stitchapi_core::pace::{ProcessCount, Reservation, ReserveRequest};
use stitchapi_core::{Key, StoreError, async_trait};

use crate::harness::{Defect, SoundClient};

type Booked = Result<Reservation, StoreError>;

#[derive(Debug, Default)]
pub(crate) struct CountsEveryRequest;
#[async_trait]
impl Defect for CountsEveryRequest {
    const BREAKS: &'static [&'static str] = &["pacer/process-count", "pacer/vectors"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        sound.pacer.reserve(key, &ReserveRequest { counted: None, ..request }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct DoesNotReportTheCountedWindow;
#[async_trait]
impl Defect for DoesNotReportTheCountedWindow {
    const BREAKS: &'static [&'static str] = &["pacer/process-count", "pacer/vectors"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let reply = sound.pacer.reserve(key, &request).await?;
        Ok(Reservation { counted: None, ..reply })
    }
}

#[derive(Debug, Default)]
pub(crate) struct ForgetsThePreviousWindow;
#[async_trait]
impl Defect for ForgetsThePreviousWindow {
    const BREAKS: &'static [&'static str] = &["pacer/process-count-previous"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let window = ProcessCount::window_at(sound.now().await);
        let is_over = sound.cell(key).await.is_some_and(|cell| cell.processes.window != window);
        if is_over {
            sound.change_cell(key, |cell| cell.processes = ProcessCount::default()).await;
        }
        sound.pacer.reserve(key, &request).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTheCountOfALostCell;
#[async_trait]
impl Defect for KeepsTheCountOfALostCell {
    const BREAKS: &'static [&'static str] = &["pacer/process-count-new-cell", "pacer/vectors"];
    async fn reserve(&self, sound: &SoundClient, key: &Key, request: ReserveRequest) -> Booked {
        let mut reply = sound.pacer.reserve(key, &request).await?;
        let another = request.snapshot.is_some_and(|snapshot| snapshot.epoch != reply.cell.epoch);
        if another && request.counted.is_some() && request.counted == reply.counted {
            reply.cell.processes.current -= 1;
            sound.change_cell(key, |cell| cell.processes.current -= 1).await;
        }
        Ok(reply)
    }
}
