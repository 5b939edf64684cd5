//! GitHub's REST API: the header fields and rules that it has in addition to the common `X-RateLimit-*`.
//!
//! * The response to an exhausted primary limit is a 403 or 429 with `X-RateLimit-Remaining: 0`; the reset is a Unix
//!   time in seconds.
//! * The response to an exceeded secondary limit is a 403 or 429. `Retry-After` counts if it is present, then an
//!   exhausted quota, "otherwise, wait for at least one minute" (docs.github.com, "Rate limits for the REST API",
//!   "Exceeding the rate limit").
//! * `X-RateLimit-Resource` names the limit: `core` covers nearly the whole API, any other (`search`, `graphql`) a part
//!   of it.
//!
//! A 403 with neither a `Retry-After` nor an exhausted quota requests no cooldown. It has another reason than a limit,
//! or only its body states that a secondary limit was exceeded.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use super::quota::single_value;

/// Cooldown after a refusal that states no time.
const UNSTATED_COOLDOWN: Duration = Duration::from_secs(60);

/// Returns `true` if the response is from GitHub.
fn is_github(headers: &HeaderMap) -> bool {
    headers.contains_key("x-github-request-id")
}

/// Returns `true` for a 403 that is a rate-limit refusal, as GitHub sends it: with a `Retry-After`, and with
/// `X-RateLimit-Remaining` or a GitHub request id. Any other 403 is not a rate-limit refusal.
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
