//! GitHub's REST API: its fields and rules beside `X-RateLimit-*`.
//!
//! * The response to an exhausted primary limit is a 403 or 429 with `X-RateLimit-Remaining: 0`; the reset is a Unix time in
//!   seconds.
//! * The response to an exceeded secondary limit is a 403 or 429. `Retry-After` counts if it is present, then an exhausted
//!   quota, "otherwise, wait for at least one minute" (docs.github.com, "Rate limits for the REST API", "Exceeding the rate
//!   limit").
//! * `X-RateLimit-Resource` names the limit: `core` covers nearly the whole API, others (`search`, `graphql`) a part of it.
//!
//! A 403 with neither field is a refusal for another reason, or a secondary limit that only the body states: it requests no
//! cooldown.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use super::quota::single_value;

/// Cooldown after a refusal that states no time.
const UNSTATED_COOLDOWN: Duration = Duration::from_secs(60);

/// Returns `true` if the response is from GitHub.
fn is_github(headers: &HeaderMap) -> bool {
    headers.contains_key("x-github-request-id")
}

/// Returns `true` if a 403 is a rate-limit refusal, which it is not for other APIs.
pub(super) fn is_refusal(status: StatusCode, headers: &HeaderMap) -> bool {
    let has_rate_limit = headers.contains_key("x-ratelimit-remaining") || is_github(headers);
    status == StatusCode::FORBIDDEN && has_rate_limit && headers.contains_key(header::RETRY_AFTER)
}

/// Returns the cooldown after a refusal that states no time; `None` if the response is not from GitHub.
pub(super) fn unstated_cooldown(headers: &HeaderMap) -> Option<Duration> {
    is_github(headers).then_some(UNSTATED_COOLDOWN)
}

/// Returns `true` if the limit covers a part of the API.
pub(super) fn is_partial(headers: &HeaderMap) -> bool {
    single_value(headers, "x-ratelimit-resource").is_some_and(|resource| resource != "core")
}
