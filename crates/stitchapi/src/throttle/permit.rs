//! A start, for what is not a stitch.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::Tick;

use super::bucket::{Bucket, Started};
use super::cost::{Cost, Units};

/// Leave to start one call, now: from [`Seam::permit`](crate::Seam::permit).
///
/// It is spent when it is given: dropping it gives nothing back.
#[must_use = "a permit is for a call that starts now"]
pub struct Permit {
    at: Option<Tick>,
    waited: Duration,
    charged: Option<Charged>,
}

struct Charged {
    bucket: Arc<Bucket>,
    /// Where it is not one plain call.
    odd: Option<Units>,
}

impl Permit {
    /// Where nothing is throttled, or nothing was drawn.
    pub(crate) fn free() -> Self {
        Self { at: None, waited: Duration::ZERO, charged: None }
    }

    /// `odd` is what was charged where that is not one plain call.
    pub(crate) fn new(started: Started, bucket: Arc<Bucket>, odd: Option<Units>) -> Self {
        Self { at: Some(started.at), waited: started.waited, charged: Some(Charged { bucket, odd }) }
    }

    /// How long it was waited for.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// The reading of the clock that passed the lateness test; nothing where there is no throttle.
    #[must_use]
    pub fn at(&self) -> Option<Tick> {
        self.at
    }

    /// Says what the call has really cost, where that is known only afterwards: more is a debt that later calls wait for,
    /// less is given back. A store that fails keeps what was charged.
    ///
    /// Dropped: done or not done.
    pub async fn settle(self, actual: impl Into<Cost> + Send) {
        if let Some(Charged { bucket, odd }) = &self.charged {
            bucket.settle(odd.as_ref().unwrap_or(bucket.plain()), &actual.into()).await;
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("at", &self.at).field("waited", &self.waited).finish_non_exhaustive()
    }
}
