//! What a flight is for: a task with a read from the store and a fetch, and the results of both.

use std::future::Future;
use std::time::Duration;

use stitchapi_core::StoreError;

use super::outcome::{Outcome, SharedFailure};
use crate::store::LeaseGuard;

/// The task of a flight: it fetches one value and stores it.
pub(crate) trait FlightTask: Sync {
    /// The value.
    type Output: Send;
    /// Why it could not be fetched.
    type Failure: Send;
    /// Shortest time for which a failure also holds for processes that begin after it. `None`: a failure holds only for
    /// the processes that were waiting for it.
    const FAILURE_BACK_OFF: Option<Duration>;

    /// Reads the value from the store; `None` if it is not stored or not valid.
    fn load(&self) -> impl Future<Output = Result<Option<Self::Output>, StoreError>> + Send;

    /// Fetches the value, and stores it if `lease` is still held after the fetch. Without a lease it stores nothing.
    fn fetch(
        &self,
        lease: Option<&LeaseGuard>,
    ) -> impl Future<Output = FetchResult<Self::Output, Self::Failure>> + Send;
}

/// What [`FlightTask::fetch`] returns.
pub(crate) struct FetchResult<T, F> {
    /// Result for this process.
    pub(crate) result: Result<T, F>,
    /// Outcome that the leader stores for the followers. `None`: it stores none, and the followers acquire the lease one
    /// after the other.
    pub(crate) outcome: Option<Outcome>,
}

/// How a flight ended for one of its processes.
pub(crate) enum FlightResult<T, F> {
    /// The value, from the store or from this process' own fetch.
    Ready(T),
    /// This process' own fetch failed.
    Failed(F),
    /// The fetch of another process failed.
    FailedElsewhere(SharedFailure),
}

impl<T, F> From<Result<T, F>> for FlightResult<T, F> {
    /// Converts the result of this process' own fetch.
    fn from(result: Result<T, F>) -> Self {
        match result {
            Ok(output) => Self::Ready(output),
            Err(failure) => Self::Failed(failure),
        }
    }
}
