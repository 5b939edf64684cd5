//! The closure that fetches a missing response.

use bytes::Bytes;
use http::response::Parts;
use stitchapi_core::{BoxFuture, Tick};

use crate::error::Error;

/// Fetches a response from the API. The argument is the time at which the fetch began, from which its time limit
/// counts.
pub(crate) type Fetch = dyn Fn(Tick) -> BoxFuture<'static, Result<(Parts, Bytes), FetchError>> + Send + Sync;

/// The failure of a fetch.
pub(crate) struct FetchError {
    pub(crate) error: Error,
    /// Whether the fetch ended at its own time limit. The fetch of another call may then succeed, because it has more
    /// time.
    pub(crate) is_own_deadline: bool,
}
