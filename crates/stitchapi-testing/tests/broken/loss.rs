//! Stores that do not notice what they lost, or notice what they did not.

use std::time::Duration;

use stitchapi_core::pace::{Cell, Mark, Pace, Reservation, Tat};
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
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        good.pacer.reserve(key, &Pace { seen: None, ..pace }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct NoticesLossOnly;
#[async_trait]
impl Fault for NoticesLossOnly {
    const BREAKS: &'static [&'static str] =
        &["pacer/rolled-back", "pacer/first-back", "pacer/stays-alone", "pacer/counts-once", "pacer/vectors"];
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        let absent = good.raw(key).await.is_none();
        let seen = pace.seen.clone().filter(|_| absent);
        good.pacer.reserve(key, &Pace { seen, ..pace }).await
    }
}

/// A lost cell goes on where the mark says, with the credit it would have had there.
#[derive(Debug, Default)]
pub(crate) struct GivesCreditAfterALoss;
#[async_trait]
impl Fault for GivesCreditAfterALoss {
    const BREAKS: &'static [&'static str] = &["pacer/lost-credit"];
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        let now = good.now().await;
        let absent = good.raw(key).await.is_none();
        let seen = pace.seen.clone().filter(|mark| absent && mark.tats.iter().any(|tat| *tat > now));
        let Some(mark) = seen else { return good.pacer.reserve(key, &pace).await };
        good.pacer.reserve(key, &Pace { calls: Vec::new(), ..pace.clone() }).await?;
        let go_on = |cell: &mut Cell| {
            for (limit, tat) in cell.limits.iter_mut().zip(&mark.tats) {
                limit.tat = Tat { micros: tat.0, remainder: 0 };
            }
        };
        good.mend(key, go_on).await;
        good.pacer.reserve(key, &Pace { seen: None, ..pace }).await
    }
}

/// Every mark that is further on is news, whoever's.
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
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        let Some((cell, mark)) = good.cell(key).await.zip(pace.seen.clone()) else {
            return good.pacer.reserve(key, &pace).await;
        };
        let seen = Some(Mark { epoch: cell.epoch, seq: mark.seq.max(cell.seq + 1), ..mark });
        good.pacer.reserve(key, &Pace { seen, ..pace }).await
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
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        let next = good.now().await + Duration::from_micros(1);
        let mark = Mark { epoch: 0, seq: 0, tats: pace.limits.iter().map(|_| next).collect(), booked: None };
        let absent = good.raw(key).await.is_none();
        let seen = if absent { Some(mark) } else { pace.seen.clone() };
        good.pacer.reserve(key, &Pace { seen, ..pace }).await
    }
}

/// A cell that is gone was lost only if something was booked ahead in it.
#[derive(Debug, Default)]
pub(crate) struct ForgetsWhatIsOver;
#[async_trait]
impl Fault for ForgetsWhatIsOver {
    const BREAKS: &'static [&'static str] = &["pacer/lost-lately"];
    async fn reserve(&self, good: &Good, key: &Key, pace: Pace) -> Booked {
        let seen = pace.seen.clone().map(|mark| Mark { booked: None, ..mark });
        good.pacer.reserve(key, &Pace { seen, ..pace }).await
    }
}
