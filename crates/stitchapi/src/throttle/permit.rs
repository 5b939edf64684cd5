//! [`Permit`]: permission to start one call that is not a stitch. `Seam::permit` returns it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::Tick;

use super::bucket::Bucket;
use super::concurrency::ConcurrencyPermit;
use super::declaration::Cost;
use super::rate_limit::Start;
use super::units::Units;

/// Permission to start one call now. Returned by [`Seam::permit`](crate::Seam::permit).
///
/// * Its cost is charged when it is returned; dropping it refunds nothing.
/// * Where the throttle has a [concurrency](crate::Throttle::and_concurrency) limit, it holds a concurrency permit until it
///   is dropped or settled: keep it while the call runs.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
/// use stitchapi::{Cost, Rate, Seam, Throttle};
///
/// let throttle = Throttle::rate("10/s").and_rate(Rate::per_minute(90_000).of("tokens"));
/// let seam = Seam::builder("https://api.example.com").throttle(throttle).build()?;
///
/// let permit = seam.permit(Cost::new(1).and("tokens", 500)).await?;
/// // Send the request here, then report what it has cost.
/// permit.settle(Cost::new(1).and("tokens", 812)).await;
/// # Ok(()) }
/// ```
#[must_use = "a permit is for a call that starts now"]
pub struct Permit {
    /// The bucket that was charged, and the start; `None` if the permit has drawn on no rate.
    charged: Option<Charged>,
    waited: Duration,
    /// Boxed, because most permits have none: a permit without a store takes 82 ns, and would take 92 ns with the
    /// extras stored inline.
    extras: Option<Box<Extras>>,
}

struct Charged {
    bucket: Arc<Bucket>,
    at: Tick,
}

/// Parts of a permit that most permits do not have.
struct Extras {
    /// Units that were charged, if they are not those of one call.
    custom_units: Option<Units>,
    /// Released when this is dropped.
    _concurrency_permit: Option<ConcurrencyPermit>,
}

impl Permit {
    /// Returns a permit that has drawn on no rate.
    pub(crate) fn without_rate(concurrency_permit: Option<ConcurrencyPermit>) -> Self {
        let waited = concurrency_permit.as_ref().map_or(Duration::ZERO, ConcurrencyPermit::waited);
        Self { charged: None, waited, extras: Extras::boxed(None, concurrency_permit) }
    }

    /// Returns a permit that was charged to `bucket`. `custom_units` are the units, if they are not those of one call.
    #[inline]
    pub(crate) fn new(
        start: Start,
        bucket: Arc<Bucket>,
        custom_units: Option<Units>,
        concurrency_permit: Option<ConcurrencyPermit>,
    ) -> Self {
        let waited = concurrency_permit.as_ref().map_or(Duration::ZERO, ConcurrencyPermit::waited) + start.waited;
        let charged = Some(Charged { bucket, at: start.at });
        Self { charged, waited, extras: Extras::boxed(custom_units, concurrency_permit) }
    }

    /// Returns how long the caller waited for the permit.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns the start: the clock reading at which the caller was found to be in time for its slot. `None` if the permit has
    /// drawn on no rate.
    #[must_use]
    pub fn at(&self) -> Option<Tick> {
        self.charged.as_ref().map(|charged| charged.at)
    }

    /// Corrects the charge to the actual cost of the call, which may be known only afterwards, and releases the
    /// concurrency permit at once. A higher cost is a debt, so that later calls wait longer; a lower cost is refunded.
    /// If the store fails, the charge stays.
    ///
    /// If the future is dropped, the correction may have been applied.
    pub async fn settle(mut self, actual: impl Into<Cost> + Send) {
        let custom_units = self.extras.take().and_then(|extras| extras.custom_units);
        if let Some(Charged { bucket, .. }) = &self.charged {
            bucket.settle(custom_units.as_ref().unwrap_or(bucket.one_call()), &actual.into()).await;
        }
    }
}

impl Extras {
    #[inline]
    fn boxed(custom_units: Option<Units>, concurrency_permit: Option<ConcurrencyPermit>) -> Option<Box<Self>> {
        let is_needed = custom_units.is_some() || concurrency_permit.is_some();
        is_needed.then(|| Box::new(Self { custom_units, _concurrency_permit: concurrency_permit }))
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("at", &self.at()).field("waited", &self.waited).finish_non_exhaustive()
    }
}
