//! The upstream's mutable state: rate limit, issued tokens and counts.

use std::collections::HashSet;

use axum::http::StatusCode;

use super::counts::RequestCounts;
use super::window_limit::WindowLimit;

/// Mutable state of an upstream, over all requests of a phase.
#[derive(Debug)]
pub(super) struct UpstreamState {
    pub(super) limit: WindowLimit,
    /// Valid tokens.
    pub(super) issued_tokens: HashSet<String>,
    pub(super) counts: RequestCounts,
}

impl UpstreamState {
    pub(super) fn new(limit: WindowLimit) -> Self {
        Self { limit, issued_tokens: HashSet::new(), counts: RequestCounts::default() }
    }

    /// Returns 200 if the header carries an issued bearer token. Counts and returns 401 otherwise.
    pub(super) fn authorize(&mut self, authorization: Option<&str>) -> StatusCode {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        if token.is_some_and(|token| self.issued_tokens.contains(token)) {
            return StatusCode::OK;
        }
        self.counts.unauthorized += 1;
        StatusCode::UNAUTHORIZED
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_an_issued_bearer_token_is_authorized() {
        let mut state = UpstreamState::new(WindowLimit::new(1, Duration::from_secs(1)));
        assert_eq!(state.authorize(Some("Bearer abc")), StatusCode::UNAUTHORIZED);
        state.issued_tokens.insert("abc".to_owned());
        assert_eq!(state.authorize(Some("Bearer abc")), StatusCode::OK);
        for other in [None, Some("abc"), Some("Bearer ab"), Some("Basic abc")] {
            assert_eq!(state.authorize(other), StatusCode::UNAUTHORIZED, "{other:?}");
        }
        assert_eq!(state.counts.unauthorized, 5);
    }
}
