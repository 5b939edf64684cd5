//! The closure that fetches a missing response.

use bytes::Bytes;
use http::response::Parts;
use stitchapi_core::{BoxFuture, Tick};

use crate::error::Error;

/// Fetches a response from the API. The argument is the time at which the fetch began: its time limit counts from there.
pub(crate) type Fetch = dyn Fn(Tick) -> BoxFuture<'static, Result<(Parts, Bytes), FetchError>> + Send + Sync;

/// The failure of a fetch.
pub(crate) struct FetchError {
    pub(crate) error: Error,
    /// The fetch ended at its own time limit, which says nothing about the API.
    pub(crate) is_own_deadline: bool,
}
