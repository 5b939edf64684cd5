//! A permit to start one call that is not a stitch.

use std::borrow::Cow;
use std::sync::Arc;

use super::handle::Seam;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{TimeUp, within};
use crate::throttle::{Bucket, Cost, Permit, Start, Units, WaitBounds, flow};

impl Seam {
    /// Waits for a permit to start one call that is not a stitch. Only the throttle of the seam is used.
    ///
    /// With a [concurrency](crate::Throttle::and_concurrency) limit, the permit counts as a call in flight until it is
    /// dropped or settled.
    ///
    /// If the future is dropped while it waits, nothing was charged, and its place in the queue passes to the next
    /// caller.
    ///
    /// ```no_run
    /// # async fn run(seam: stitchapi::Seam) -> stitchapi::Result<()> {
    /// let permit = seam.permit(1).await?;
    /// // Call the API here, with any client.
    /// drop(permit);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// * [`ErrorKind::ShutDown`] after [`shutdown`](Self::shutdown).
    /// * [`ErrorKind::Throttled`] as soon as it is known that no slot or concurrency permit is free in time.
    /// * [`ErrorKind::Timeout`] at the deadline of the seam.
    /// * [`ErrorKind::Input`] for a cost that the throttle can never grant, for any cost but one call on a store that
    ///   can only count, and for a seam without a principal if
    ///   [`Throttle::per_principal`](crate::Throttle::per_principal) is declared.
    /// * [`ErrorKind::Store`] if the store fails and the throttle is [closed](crate::OutagePolicy::Closed) in an
    ///   outage.
    pub async fn permit(&self, cost: impl Into<Cost> + Send) -> Result<Permit> {
        self.in_flight().check_accepts_calls()?;
        let Some(handle) = self.bucket_handle() else { return Ok(Permit::without_rate(None)) };
        let bucket = handle.bucket(self.principal())?;
        let custom_units = bucket.units(&cost.into())?.map(unless_one_call);
        if bucket.concurrency().is_some() {
            return Box::pin(self.permit_with_concurrency(bucket, custom_units)).await;
        }
        let Some(custom_units) = custom_units else { return Ok(Permit::without_rate(None)) };
        let start = match bucket.start_at_once(custom_units.as_ref().unwrap_or(bucket.one_call())) {
            Some(start) => start,
            // Boxed, so that the future of a caller that does not wait is small.
            None => Box::pin(self.start_in_turn(&bucket, custom_units.as_ref())).await?,
        };
        Ok(Permit::new(start, bucket, custom_units, None))
    }

    /// Waits for a slot of a bucket, until the deadline of a call that begins now.
    async fn start_in_turn(&self, bucket: &Arc<Bucket>, custom_units: Option<&Units>) -> Result<Start> {
        let _in_flight = self.in_flight().count_call()?;
        let units = custom_units.unwrap_or(bucket.one_call());
        bucket.start_in_turn(units, flow(self.principal()), self.wait_bounds(), bucket.trace()).await
    }

    /// Waits for a concurrency permit, and for a slot if the cost draws on a rate, until the deadline of a call that
    /// begins now. `custom_units` is `None` if the cost draws on no rate, and `Some(None)` for the cost of one call.
    async fn permit_with_concurrency(
        &self,
        bucket: Arc<Bucket>,
        custom_units: Option<Option<Units>>,
    ) -> Result<Permit> {
        let _in_flight = self.in_flight().count_call()?;
        let (flow, bounds) = (flow(self.principal()), self.wait_bounds());
        let permit = async {
            let concurrency_permit = match bucket.concurrency() {
                Some(limit) => Some(limit.acquire(flow, bounds).await?),
                None => None,
            };
            let Some(custom_units) = custom_units else { return Ok(Permit::without_rate(concurrency_permit)) };
            let units = custom_units.as_ref().unwrap_or(bucket.one_call());
            let start = bucket.start(units, flow, bounds, bucket.trace()).await?;
            Ok(Permit::new(start, bucket.clone(), custom_units, concurrency_permit))
        };
        let timeout = || Error::new(ErrorKind::Timeout, "no permit within the deadline of the seam");
        within(&**self.runtime(), bounds.deadline, permit).await.map_err(|TimeUp| timeout())?
    }

    /// Returns the bounds of the wait of a call that begins now: the seam's deadline.
    fn wait_bounds(&self) -> WaitBounds {
        WaitBounds { deadline: self.runtime().now() + self.deadline(), max_wait: None }
    }
}

/// Returns the units, or `None` if they are the units of one call, which the bucket holds itself.
fn unless_one_call(units: Cow<'_, Units>) -> Option<Units> {
    match units {
        Cow::Borrowed(_) => None,
        Cow::Owned(custom_units) => Some(custom_units),
    }
}
