//! A store operation bounded in time.

use std::future::Future;
use std::time::Duration;

use stitchapi_core::{Runtime, StoreError, StoreErrorKind};

use crate::runtime::{TimeUp, within};

/// Runs an operation of the store named `store` for at most `timeout`. An operation that timed out may have taken effect.
pub(crate) async fn watch<T: Send>(
    runtime: &dyn Runtime,
    timeout: Duration,
    store: &'static str,
    operation: &'static str,
    future: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    match within(runtime, runtime.now() + timeout, future).await {
        Ok(done) => done,
        Err(TimeUp) => Err(StoreError::new(StoreErrorKind::Timeout, store, operation)),
    }
}
