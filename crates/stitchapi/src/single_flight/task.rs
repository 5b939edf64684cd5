//! The task that a flight runs: a read of the value from the store, and a fetch of it. Also the results of both.

use std::future::Future;
use std::time::Duration;

use stitchapi_core::StoreError;

use super::outcome::{Outcome, SharedFailure};
use crate::store::LeaseGuard;

/// The task of a flight, which fetches one value and stores it.
pub(crate) trait FlightTask: Sync {
    /// The value.
    type Output: Send;
    /// The failure of the fetch.
    type Failure: Send;
    /// Shortest time for which a failure also applies to processes that begin after it. If `None`, a failure applies
    /// only to the processes that were waiting for it.
    const FAILURE_BACK_OFF: Option<Duration>;

    /// Reads the value from the store; `None` if it is not stored, or may not be used.
    fn load(&self) -> impl Future<Output = Result<Option<Self::Output>, StoreError>> + Send;

    /// Fetches the value and stores it. If `lease` was lost during the fetch, the task must not overwrite a value that
    /// the next leader has stored. Without a lease, the task decides whether it stores the value.
    fn fetch(
        &self,
        lease: Option<&LeaseGuard>,
    ) -> impl Future<Output = FetchResult<Self::Output, Self::Failure>> + Send;
}

/// What [`FlightTask::fetch`] returns.
pub(crate) struct FetchResult<T, F> {
    /// Result for this process.
    pub(crate) result: Result<T, F>,
    /// Outcome that the leader stores for the followers. If `None`, it stores none, and the followers acquire the lease
    /// one after the other.
    pub(crate) outcome: Option<Outcome>,
}

/// How a flight ended for this process.
pub(crate) enum FlightResult<T, F> {
    /// The value, read from the store or fetched by this process.
    Ready(T),
    /// The fetch of this process failed.
    Failed(F),
    /// The fetch of another process failed.
    FailedElsewhere(SharedFailure),
}

impl<T, F> From<Result<T, F>> for FlightResult<T, F> {
    /// Converts the result of a fetch by this process.
    fn from(result: Result<T, F>) -> Self {
        match result {
            Ok(output) => Self::Ready(output),
            Err(failure) => Self::Failed(failure),
        }
    }
}
