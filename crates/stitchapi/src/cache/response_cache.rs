//! The response cache of a seam.
//!
//! [`ResponseCache::get_or_fetch`] takes a request, its policy and the closure that fetches its response. It returns
//! the response, and its source: the store, a fetch of this call, or the fetch of another call.

use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use stitchapi_core::BoxFuture;

use super::entries::read_entry;
use super::fetch::Fetch;
use super::fill::{Fill, FillResult, panicked};
use super::key::CacheKey;
use super::policy::{Audience, CachePolicy};
use crate::context::CallContext;
use crate::endpoint::PreparedRequest;
use crate::error::{Error, Result};
use crate::single_flight::InProcessFlights;
use crate::trace::{CacheOutcome, EventKind};

/// The response cache of a seam. It has the fills that are running in this process; the entries are in the store of the
/// seam.
#[derive(Debug)]
pub(crate) struct ResponseCache {
    flights: InProcessFlights<FillResult>,
}

/// A response from the cache.
pub(crate) struct CachedResponse {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    /// How the cache answered the call.
    pub(crate) outcome: CacheOutcome,
}

impl ResponseCache {
    pub(crate) fn new() -> Self {
        Self { flights: InProcessFlights::new(panicked) }
    }

    /// Returns the stored response to a request. If it is missing, it is fetched and stored, once for all callers of
    /// the fleet that wait for it. If the store fails, this process fetches for itself, so that the call does not fail.
    ///
    /// If a fetch fails for a reason that concerns the fetching call only, one of the waiting calls fetches next.
    ///
    /// If the future is dropped while it waits for a fetch, the fetch continues while other callers wait for it, and is
    /// dropped otherwise.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::error::ErrorKind::Input) if the policy requires a principal and the call has none;
    /// otherwise the failure of the fetch.
    pub(crate) async fn get_or_fetch(
        &self,
        context: &CallContext,
        policy: CachePolicy,
        request: &PreparedRequest,
        fetch: Arc<Fetch>,
    ) -> Result<CachedResponse> {
        if policy.requires_principal && context.principal.is_none() {
            return Err(Error::input(
                "cache: responses are kept per principal; name the user of the call with .as_principal(id)",
            ));
        }
        let key = CacheKey::new(context, policy, request);
        let stored = read_entry(context, &key).await;
        if let Ok(Some(entry)) = stored {
            emit_outcome(context, CacheOutcome::Hit);
            return Ok(CachedResponse { parts: entry.parts, body: entry.body, outcome: CacheOutcome::Hit });
        }
        let store_failed = stored.is_err();
        loop {
            let (result, outcome) = self.fill_or_join(context, policy, &key, &fetch, store_failed).await;
            let error = match result {
                Ok(entry) => {
                    return Ok(CachedResponse { parts: entry.parts.clone(), body: entry.body.clone(), outcome });
                }
                Err(error) => error,
            };
            if outcome != CacheOutcome::Joined {
                return Err(error.to_error());
            }
            if !error.concerns_fetcher_only {
                // The body of an error response may have private data of the user whose call fetched it.
                let is_same_user = policy.audience == Audience::PerPrincipal || context.principal.is_none();
                return Err(error.to_error().redacted_for_other_caller(is_same_user));
            }
        }
    }

    /// Joins the fill of an entry in this process, or begins it. Emits and returns how the cache answers the call.
    async fn fill_or_join(
        &self,
        context: &CallContext,
        policy: CachePolicy,
        key: &CacheKey,
        fetch: &Arc<Fetch>,
        store_failed: bool,
    ) -> (FillResult, CacheOutcome) {
        let fill = Fill {
            context: context.clone(),
            key: key.clone(),
            policy,
            fetch: fetch.clone(),
            begun_at: context.runtime().now(),
        };
        let begin = move || -> BoxFuture<'static, FillResult> {
            if store_failed { Box::pin(fill.run_without_store()) } else { Box::pin(fill.run()) }
        };
        let (result, has_begun): (BoxFuture<'static, FillResult>, bool) = if context.runtime().joins_callers() {
            let (flight, has_begun) = self.flights.join(key.as_key(), begin);
            (Box::pin(flight), has_begun)
        } else {
            (begin(), true)
        };
        let outcome = match (has_begun, store_failed) {
            (true, false) => CacheOutcome::Miss,
            (true, true) => CacheOutcome::Bypassed,
            (false, _) => CacheOutcome::Joined,
        };
        emit_outcome(context, outcome);
        (result.await, outcome)
    }
}

fn emit_outcome(context: &CallContext, outcome: CacheOutcome) {
    context.trace.emit(EventKind::Cache { outcome });
}
