//! A call with a cache: looks the response up, and fetches it with one exchange if it is missing.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::response::Parts;

use super::call_run::CallRun;
use super::exchange::exchange;
use super::report::Report;
use crate::cache::{CachePolicy, CachedResponse, Fetch, FetchError};
use crate::context::CallContext;
use crate::endpoint::PreparedRequest;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{TimeUp, within};

/// Returns the response from the cache. If it is missing, one call makes an exchange with the API, and all calls that
/// wait for the same response receive its result.
///
/// # Errors
///
/// [`ErrorKind::Input`] if responses are kept per principal and the call has none; the failure of the exchange.
pub(super) async fn fetch_through_cache(
    run: &mut CallRun,
    policy: CachePolicy,
    request: PreparedRequest,
) -> Result<(Parts, Bytes)> {
    let report = Arc::new(OnceLock::new());
    let fetch = fetch_by_exchange(run, request.clone(), report.clone());
    let cached = run.seam.response_cache().get_or_fetch(&run.context, policy, &request, fetch).await;
    // Only the call whose exchange was made reports its requests. A call that waited for the exchange of another call
    // reports none.
    run.report = report.get().copied().unwrap_or_default();
    let CachedResponse { parts, body, outcome } = cached?;
    run.report.cache = Some(outcome);
    Ok((parts, body))
}

/// Returns the closure that fetches a missing response: it makes an exchange under the trace of this call, and writes
/// the report of the exchange into `report`.
///
/// The exchange ends at the later of two times: the deadline of this call, and the begin of the fetch plus the time
/// limit that the stitch declares. Other calls that wait for the exchange may have a later deadline than this call.
fn fetch_by_exchange(run: &CallRun, request: PreparedRequest, report: Arc<OnceLock<Report>>) -> Arc<Fetch> {
    let (declaration, seam, call) = (run.declaration.clone(), run.seam.clone(), run.context.clone());
    let (max_wait, cost) = (run.max_wait, run.cost.clone());
    Arc::new(move |begun_at| {
        let deadline = call.deadline.max(begun_at + declaration.deadline);
        let context = CallContext { deadline, ..call.clone() };
        let mut run = CallRun::new(declaration.clone(), seam.clone(), context, max_wait, cost.clone());
        let (request, report) = (request.clone(), report.clone());
        Box::pin(async move {
            let _in_flight = run.context.in_flight.count_task();
            let runtime = run.runtime().clone();
            let result = match within(&*runtime, deadline, exchange(&mut run, request)).await {
                Ok(result) => result.map(|response| (response.parts, response.body)),
                Err(TimeUp) => Err(Error::new(ErrorKind::Timeout, "no response within the deadline of the stitch")),
            };
            let _ = report.set(run.report);
            result.map_err(|error| {
                let is_own_deadline = error.kind() == ErrorKind::Timeout && runtime.now() >= deadline;
                FetchError { error, is_own_deadline }
            })
        })
    })
}
