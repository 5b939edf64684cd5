//! The requests that the upstream counted.

use stitchapi::Tick;

use crate::fleet::protocol::SharedRequest;

/// Counts and arrival times of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RequestCounts {
    /// Number of responses with status 429.
    pub(crate) rejected: u64,
    /// Number of responses with status 401, over all endpoints.
    pub(crate) unauthorized: u64,
    /// Arrival times of token requests, in order.
    pub(crate) token_requests: Vec<Tick>,
    /// Arrival times of requests for the cached resource, in order.
    pub(crate) fetches: Vec<Tick>,
}

impl RequestCounts {
    /// Returns the number of logins or of fetches.
    pub(crate) fn of(&self, request: SharedRequest) -> usize {
        match request {
            SharedRequest::Login => self.token_requests.len(),
            SharedRequest::Fetch => self.fetches.len(),
        }
    }
}
