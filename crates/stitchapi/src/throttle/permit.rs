//! A start, for what is not a stitch.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::Tick;

use super::bucket::{Bucket, Started};
use super::concurrency::Taken;
use super::declaration::Cost;
use super::units::Units;

/// Leave to start one call, now: from [`Seam::permit`](crate::Seam::permit).
///
/// What it costs is spent when it is given: dropping it gives nothing back. Its place, where the throttle has a
/// [concurrency](crate::Throttle::and_concurrency) limit, it has until it is dropped or settled: keep it while the call
/// runs.
#[must_use = "a permit is for a call that starts now"]
pub struct Permit {
    /// What it was charged to, and when; nothing where there is no rate.
    charged: Option<Charged>,
    waited: Duration,
    /// Boxed: most have nothing of it.
    beside: Option<Box<Beside>>,
}

struct Charged {
    bucket: Arc<Bucket>,
    at: Tick,
}

/// What few permits have.
struct Beside {
    /// What was charged, where that is not one plain call.
    odd: Option<Units>,
    /// Given back when this is dropped.
    _place: Option<Taken>,
}

impl Permit {
    /// Where nothing is throttled, or nothing but a place was taken.
    pub(crate) fn free(place: Option<Taken>) -> Self {
        let waited = place.as_ref().map_or(Duration::ZERO, Taken::waited);
        Self { charged: None, waited, beside: Beside::boxed(None, place) }
    }

    /// `odd` is what was charged where that is not one plain call.
    #[inline]
    pub(crate) fn new(started: Started, bucket: Arc<Bucket>, odd: Option<Units>, place: Option<Taken>) -> Self {
        let waited = place.as_ref().map_or(Duration::ZERO, Taken::waited) + started.waited;
        Self { charged: Some(Charged { bucket, at: started.at }), waited, beside: Beside::boxed(odd, place) }
    }

    /// How long it was waited for.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// The reading of the clock that passed the lateness test; nothing where there is no rate.
    #[must_use]
    pub fn at(&self) -> Option<Tick> {
        self.charged.as_ref().map(|charged| charged.at)
    }

    /// Says what the call has really cost, where that is known only afterwards: more is a debt that later calls wait for,
    /// less is given back. A store that fails keeps what was charged. The place is given back at once.
    ///
    /// Dropped: done or not done.
    pub async fn settle(mut self, actual: impl Into<Cost> + Send) {
        let odd = self.beside.take().and_then(|beside| beside.odd);
        if let Some(Charged { bucket, .. }) = &self.charged {
            bucket.settle(odd.as_ref().unwrap_or(bucket.plain()), &actual.into()).await;
        }
    }
}

impl Beside {
    #[inline]
    fn boxed(odd: Option<Units>, place: Option<Taken>) -> Option<Box<Self>> {
        let any = odd.is_some() || place.is_some();
        any.then(|| Box::new(Self { odd, _place: place }))
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("at", &self.at()).field("waited", &self.waited).finish_non_exhaustive()
    }
}
