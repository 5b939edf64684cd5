//! What the upstream has seen.

use std::collections::HashSet;

use axum::http::StatusCode;
use stitchapi::Tick;

use super::Errand;
use super::gate::Gate;

/// Every arrival of a run. It is under one lock and the clock is read under it, so arrivals stand in the order of their
/// times.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) gate: Gate,
    /// The tokens that are good.
    pub(super) issued: HashSet<String>,
    pub(super) counts: Counts,
}

impl Ledger {
    pub(super) fn new(gate: Gate) -> Self {
        Self { gate, issued: HashSet::new(), counts: Counts::default() }
    }

    /// 200 for a token that has been issued; a 401 is counted.
    pub(super) fn authorize(&mut self, authorization: Option<&str>) -> StatusCode {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        if token.is_some_and(|token| self.issued.contains(token)) {
            return StatusCode::OK;
        }
        self.counts.unauthorized += 1;
        StatusCode::UNAUTHORIZED
    }
}

/// What has been counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Answers 429.
    pub(crate) rejected: u64,
    /// Answers 401, of any endpoint.
    pub(crate) unauthorized: u64,
    /// When requests for a token came.
    pub(crate) token_requests: Vec<Tick>,
    /// When requests for the cached resource came.
    pub(crate) fetches: Vec<Tick>,
}

impl Counts {
    /// How many requests of this errand came.
    pub(crate) fn of(&self, errand: Errand) -> usize {
        match errand {
            Errand::Login => self.token_requests.len(),
            Errand::Fetch => self.fetches.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_token_is_good_once_it_is_issued() {
        let mut ledger = Ledger::new(Gate::new(1, Duration::from_secs(1)));
        assert_eq!(ledger.authorize(Some("Bearer abc")), StatusCode::UNAUTHORIZED);
        ledger.issued.insert("abc".to_owned());
        assert_eq!(ledger.authorize(Some("Bearer abc")), StatusCode::OK);
        for other in [None, Some("abc"), Some("Bearer ab"), Some("Basic abc")] {
            assert_eq!(ledger.authorize(other), StatusCode::UNAUTHORIZED, "{other:?}");
        }
        assert_eq!(ledger.counts.unauthorized, 5);
    }
}
