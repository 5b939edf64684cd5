//! The response of a call.

use std::fmt;

use http::{HeaderMap, StatusCode};

use crate::pipeline::Report;

/// A response of an API, decoded, with the report of its call. Returned by [`Call::send`](crate::Call::send).
///
/// Its `Debug` shows no header, because a header may be a secret.
///
/// ```no_run
/// # async fn run(user: stitchapi::Stitch<str, serde_json::Value>) -> stitchapi::Result<()> {
/// let response = user.call("octocat").send().await?;
/// let etag = response.headers.get("etag");
/// println!("{} with {etag:?} after {} requests", response.status, response.report.attempts);
/// println!("{}", response.value["id"]);
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Response<O> {
    /// The decoded body.
    pub value: O,
    /// The status, always a success.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The requests, the waiting time and the cache outcome of the call.
    pub report: Report,
}

impl<O: fmt::Debug> fmt::Debug for Response<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("value", &self.value)
            .field("status", &self.status)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
