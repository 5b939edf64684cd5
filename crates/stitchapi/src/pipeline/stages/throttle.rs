//! The throttles of an attempt: concurrency permits first, then slots, narrowest throttle first.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::Body;

use crate::error::Result;
use crate::pipeline::call_run::CallRun;
use crate::throttle::{Bucket, ConcurrencyPermit, Cost, Units, flow};
use crate::trace::EventKind;

/// The permits that an attempt has acquired from its throttles.
#[derive(Default)]
pub(in crate::pipeline) struct AcquiredPermits {
    /// The buckets that the attempt was charged to, narrowest first, with the units of each.
    pub(in crate::pipeline) charges: Vec<(Arc<Bucket>, Units)>,
    /// Concurrency permits, held until this value is dropped.
    concurrency: Vec<ConcurrencyPermit>,
}

impl AcquiredPermits {
    /// Returns `true` if the lease of each concurrency permit is still held.
    pub(in crate::pipeline) fn are_held(&self) -> bool {
        self.concurrency.iter().all(ConcurrencyPermit::is_held)
    }
}

/// Waits for the concurrency permits and slots of the throttles that the call passes, and sets the start of the
/// attempt.
///
/// # Errors
///
/// [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown) when the grace of the seam's shutdown is over; the error of a
/// bucket that grants no slot or concurrency permit.
pub(in crate::pipeline) async fn wait_to_start(run: &mut CallRun, cost: Cost) -> Result<AcquiredPermits> {
    run.attempt_started_at = run.runtime().now();
    run.context.in_flight.check_accepts_requests()?;
    let principal = run.context.principal.as_ref();
    let flow = flow(principal);
    let handles = run.declaration.bucket_handles.iter().chain(run.seam.bucket_handle());
    let buckets: Vec<Arc<Bucket>> = handles.map(|handle| handle.bucket(principal)).collect::<Result<_>>()?;
    let mut acquired = AcquiredPermits::default();
    for bucket in &buckets {
        let Some(limit) = bucket.concurrency() else { continue };
        let permit = limit.acquire(flow, run.wait_bounds()).await?;
        run.attempt_started_at = run.runtime().now();
        record_wait(run, permit.waited());
        acquired.concurrency.push(permit);
    }
    for bucket in buckets {
        let Some(units) = bucket.units(&cost)? else { continue };
        let started = bucket.start(&units, flow, run.wait_bounds(), run.trace()).await?;
        run.attempt_started_at = started.at;
        record_wait(run, started.waited);
        let units = units.into_owned();
        acquired.charges.push((bucket, units));
    }
    Ok(acquired)
}

/// Returns the cost of an attempt, as it is known before the response: the one that the call states, the one that the
/// stitch computes from the request, or one call.
pub(in crate::pipeline) fn cost_of(run: &CallRun, request: &http::Request<Body>) -> Cost {
    match (&run.cost, &run.declaration.cost) {
        (Some(cost), _) => cost.clone(),
        (None, Some(cost)) => cost(request),
        (None, None) => Cost::default(),
    }
}

/// Adds a wait to the report, and emits an event for it unless it is zero.
fn record_wait(run: &mut CallRun, waited: Duration) {
    run.report.waited += waited;
    if !waited.is_zero() {
        run.trace().emit_at(run.attempt_started_at, EventKind::Waited { waited });
    }
}
