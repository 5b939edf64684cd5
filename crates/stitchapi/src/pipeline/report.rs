//! The report of a call.

use std::time::Duration;

use crate::trace::CacheOutcome;

/// The requests, the waiting time and the cache outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// Number of requests that were sent, redirects included.
    pub attempts: u32,
    /// Total time that the call waited for concurrency permits and slots of the throttle.
    pub waited: Duration,
    /// Outcome of the cache lookup, if the stitch has a cache. If another call has fetched the response, `attempts` and
    /// `waited` are zero.
    pub cache: Option<CacheOutcome>,
}
