//! The intake of a response: applies its cooldown headers, reads its body, and charges its real cost.

use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use stitchapi_core::Collected;

use super::retry::AttemptError;
use super::send::UnreadResponse;
use super::throttle::AcquiredPermits;
use crate::auth::Credential;
use crate::endpoint::PreparedRequest;
use crate::error::MAX_ERROR_BODY;
use crate::pipeline::call_run::CallRun;
use crate::rate_limit_headers;
use crate::runtime::{TimeUp, within};
use crate::trace::EventKind;

/// A response, read to its end or to the size limit.
pub(in crate::pipeline) struct ReceivedResponse {
    pub(in crate::pipeline) parts: Parts,
    pub(in crate::pipeline) body: Bytes,
    /// Whether the body is complete. It is not if it was cut off at the size limit or, in a response other than a
    /// success, could not be read.
    pub(in crate::pipeline) is_complete: bool,
    /// The credential that the request carried.
    pub(in crate::pipeline) credential: Option<Arc<dyn Credential>>,
}

/// Applies the cooldown that a response requests, reads its body, and settles the cost of the attempt.
///
/// # Errors
///
/// [`AttemptError`] if the body of a success cannot be read in time. If the body of any other response cannot be read,
/// the response is returned with an empty body, because its status is enough for the caller.
pub(in crate::pipeline) async fn receive(
    run: &CallRun,
    request: &PreparedRequest,
    acquired: &AcquiredPermits,
    unread: UnreadResponse,
    credential: Option<Arc<dyn Credential>>,
) -> Result<ReceivedResponse, AttemptError> {
    let UnreadResponse { response, sent_at, ends_at } = unread;
    let (parts, body) = response.into_parts();
    apply_cooldown(run, acquired, request, &parts);
    let runtime = run.runtime();
    let limit = if parts.status.is_success() { run.seam.body_limit() } else { MAX_ERROR_BODY };
    let collected = match within(&**runtime, ends_at, body.collect(limit)).await {
        Ok(Ok(collected)) => collected,
        _ if !parts.status.is_success() => Collected { bytes: Bytes::new(), complete: false },
        Ok(Err(error)) => return Err(AttemptError::of_transport(error)),
        Err(TimeUp) => return Err(AttemptError::timeout()),
    };
    run.trace().emit(EventKind::Response { status: parts.status, elapsed: runtime.now().since(sent_at) });
    settle(run, acquired, &parts, &collected.bytes);
    Ok(ReceivedResponse { parts, body: collected.bytes, is_complete: collected.complete, credential })
}

/// Applies the cooldown that a response requests: to the narrowest throttle of the attempt if the limit covers a part
/// of the API, and to the widest otherwise. A response of another origin is ignored, because it is not a response of
/// the API.
fn apply_cooldown(run: &CallRun, acquired: &AcquiredPermits, request: &PreparedRequest, parts: &Parts) {
    let charges = &acquired.charges;
    let (Some((narrowest, _)), Some((widest, _))) = (charges.first(), charges.last()) else { return };
    if request.is_cross_origin() {
        return;
    }
    let signal = rate_limit_headers::read(parts.status, &parts.headers, run.runtime().wall());
    charges.iter().for_each(|(bucket, _)| bucket.record_acceptance(signal, run.attempt_started_at));
    let bucket = if signal.is_partial { narrowest } else { widest };
    bucket.apply_cooldown(signal, run.attempt_started_at);
}

/// Corrects the charge of the attempt to its real cost, if the declaration computes that cost from the response. A
/// spawned task does it, so that the call does not wait for the store.
fn settle(run: &CallRun, acquired: &AcquiredPermits, parts: &Parts, body: &Bytes) {
    let actual = run.declaration.settle.as_ref().and_then(|settle| settle(parts, body));
    let Some(actual) = actual.filter(|_| !acquired.charges.is_empty()) else { return };
    let charges = acquired.charges.clone();
    let in_flight = run.context.in_flight.count_task();
    run.runtime().spawn(Box::pin(async move {
        for (bucket, units) in &charges {
            bucket.settle(units, &actual).await;
        }
        drop(in_flight);
    }));
}
