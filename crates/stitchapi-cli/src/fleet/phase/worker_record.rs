//! What one worker reported during a phase.

use stitchapi::Tick;

use crate::fleet::protocol::SharedRequest;

/// Events of one worker. All times are microseconds on the boot clock.
#[derive(Debug, Default)]
pub(crate) struct WorkerRecord {
    /// Times of its starts.
    pub(crate) starts: Vec<u64>,
    /// Its logins and fetches, in the order in which they began.
    pub(crate) shared_requests: Vec<SharedRequestSpan>,
    /// Number of responses with status 429.
    pub(crate) rejected: u64,
    /// Messages of its calls that failed for another reason.
    pub(crate) failures: Vec<String>,
    /// The request during which `--kill` killed it, and the time of the kill.
    pub(crate) killed: Option<(SharedRequest, u64)>,
}

/// Time span of one login or one fetch of the cached resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SharedRequestSpan {
    pub(crate) request: SharedRequest,
    pub(crate) from: u64,
    /// `None` if the worker ended before the request did.
    pub(crate) until: Option<u64>,
}

impl WorkerRecord {
    /// Records that a login or a fetch began.
    pub(super) fn begin(&mut self, request: SharedRequest, at: Tick) {
        self.shared_requests.push(SharedRequestSpan { request, from: at.0, until: None });
    }

    /// Records that the login or fetch that began last has ended. Ignored if none is open.
    pub(super) fn end(&mut self, request: SharedRequest, at: Tick) {
        let mut open =
            self.shared_requests.iter_mut().rev().filter(|span| span.request == request && span.until.is_none());
        if let Some(span) = open.next() {
            span.until = Some(at.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_request_stays_open_until_its_end_is_reported() {
        let mut record = WorkerRecord::default();
        record.begin(SharedRequest::Login, Tick(1));
        record.begin(SharedRequest::Fetch, Tick(2));
        record.end(SharedRequest::Fetch, Tick(3));
        record.end(SharedRequest::Fetch, Tick(4));
        let ends: Vec<_> = record.shared_requests.iter().map(|span| span.until).collect();
        assert_eq!(ends, [None, Some(3)]);
    }
}
