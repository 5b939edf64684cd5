//! The task that fills one entry of the cache, run by a single flight.
//!
//! [`Fill`] takes the key of a missing entry and the closure that fetches its response. It stores the response if it
//! may be stored, and returns it. If the fetch fails, it returns a [`FillError`], which says whether the other waiting
//! callers fail, too. `response_cache` runs it after a miss.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use stitchapi_core::{StoreError, Tick};

use super::entries::{read_entry, write_entry};
use super::entry::CacheEntry;
use super::fetch::{Fetch, FetchError};
use super::key::CacheKey;
use super::policy::{Audience, CachePolicy};
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, ErrorResponse};
use crate::single_flight::{
    FailureReason, FetchResult, FlightRecord, FlightResult, FlightTask, Outcome, SharedFailure, SharedSource, run_once,
};
use crate::store::LeaseGuard;

/// The result of a fill, as all callers that wait for it receive it.
pub(super) type FillResult = Result<Arc<CacheEntry>, Arc<FillError>>;

/// The failure of a fill.
#[derive(Debug)]
pub(super) struct FillError {
    error: Error,
    /// Whether the failure concerns only the call that fetched, so that the fetch of another call may succeed.
    pub(super) concerns_fetcher_only: bool,
}

impl FillError {
    /// Creates a failure that concerns all callers.
    fn of_all(error: Error) -> Self {
        Self { error, concerns_fetcher_only: false }
    }

    /// Returns a copy of the error for one of the callers.
    pub(super) fn to_error(self: &Arc<Self>) -> Error {
        self.error.copy_with_source(SharedSource::new(self.clone(), |shared| shared.error.source()))
    }
}

/// Returns the result for the callers of a fill that panicked.
pub(super) fn panicked() -> FillResult {
    Err(Arc::new(FillError::of_all(Error::new(ErrorKind::Transport, "fetch for the cache panicked"))))
}

/// The task that fetches one missing response. The fields are those of the call that began it.
pub(super) struct Fill {
    pub(super) context: CallContext,
    pub(super) key: CacheKey,
    pub(super) policy: CachePolicy,
    pub(super) fetch: Arc<Fetch>,
    pub(super) begun_at: Tick,
}

impl Fill {
    /// Fetches the response once for the whole fleet, and stores it.
    pub(super) async fn run(self) -> FillResult {
        let record =
            FlightRecord::new(self.context.store.clone(), self.context.trace.clone(), &self.key.flight_parts());
        match run_once(&record, &self).await {
            FlightResult::Ready(entry) => Ok(Arc::new(entry)),
            FlightResult::Failed(error) => Err(Arc::new(error)),
            FlightResult::FailedElsewhere(failed) => Err(Arc::new(FillError::of_all(error_of_other_process(failed)))),
        }
    }

    /// Fetches the response for this process alone. Does not store it, because the store has failed.
    pub(super) async fn run_without_store(self) -> FillResult {
        self.fetch_entry().await.map(Arc::new).map_err(Arc::new)
    }

    async fn fetch_entry(&self) -> Result<CacheEntry, FillError> {
        match (self.fetch)(self.begun_at).await {
            Ok((parts, body)) => Ok(CacheEntry::new(parts, body)),
            Err(error) => Err(self.classify(error)),
        }
    }

    /// Decides which callers a failure concerns.
    fn classify(&self, FetchError { error, is_own_deadline }: FetchError) -> FillError {
        // Whether a response for all callers was requested with the credential of one user.
        let used_one_users_credential = self.policy.audience == Audience::Shared && self.context.principal.is_some();
        let is_refused = matches!(error.status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN));
        let concerns_fetcher_only = match error.kind() {
            ErrorKind::Throttled | ErrorKind::Store => true,
            ErrorKind::Timeout => is_own_deadline,
            ErrorKind::Auth => used_one_users_credential,
            _ => used_one_users_credential && is_refused,
        };
        FillError { error, concerns_fetcher_only }
    }
}

impl FlightTask for Fill {
    type Output = CacheEntry;
    type Failure = FillError;
    const FAILURE_BACK_OFF: Option<Duration> = None;

    async fn load(&self) -> Result<Option<CacheEntry>, StoreError> {
        // A failed read counts as a miss, because a store that fails must not fail the call.
        Ok(read_entry(&self.context, &self.key).await.unwrap_or_default())
    }

    async fn fetch(&self, lease: Option<&LeaseGuard>) -> FetchResult<CacheEntry, FillError> {
        let entry = match self.fetch_entry().await {
            Ok(entry) => entry,
            Err(error) => {
                return FetchResult { outcome: shared_failure(&error).map(Outcome::Failed), result: Err(error) };
            }
        };
        // A leader (the process that fetches for the fleet) that has lost its lease must not overwrite the entry of the
        // next one.
        if entry.may_be_stored() && lease.is_some_and(|lease| !lease.is_held()) {
            return FetchResult { result: Ok(entry), outcome: None };
        }
        let is_stored = entry.may_be_stored() && write_entry(&self.context, &self.key, &entry, self.policy.ttl).await;
        FetchResult { result: Ok(entry), outcome: Some(if is_stored { Outcome::Stored } else { Outcome::NotKept }) }
    }
}

/// Returns the failure as other processes receive it; `None` if they do not share it.
fn shared_failure(FillError { error, concerns_fetcher_only }: &FillError) -> Option<SharedFailure> {
    let reason = match error.kind() {
        _ if *concerns_fetcher_only => return None,
        ErrorKind::Status => FailureReason::Status(error.status()?.as_u16()),
        ErrorKind::Transport => FailureReason::Transport,
        ErrorKind::Timeout => FailureReason::Timeout,
        ErrorKind::Auth => FailureReason::Auth,
        _ => return None,
    };
    let (retryable, retry_after) = (error.is_retryable(), error.retry_after());
    Some(SharedFailure { what: error.message().to_owned().into(), reason, retryable, retry_after })
}

/// Converts the failure of a fetch in another process into the error of the callers in this process.
fn error_of_other_process(SharedFailure { what, reason, retryable, retry_after }: SharedFailure) -> Error {
    let kind = match reason {
        FailureReason::Status(_) => ErrorKind::Status,
        FailureReason::Transport => ErrorKind::Transport,
        FailureReason::Timeout => ErrorKind::Timeout,
        FailureReason::Auth => ErrorKind::Auth,
    };
    let error = Error::new(kind, format!("{what} (in another process of the fleet)"))
        .with_retry_after(retry_after)
        .with_retryable(retryable);
    let FailureReason::Status(status) = reason else { return error };
    let Ok(status) = StatusCode::from_u16(status) else { return error };
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status;
    error.with_response(ErrorResponse::new(parts, Bytes::new()))
}
