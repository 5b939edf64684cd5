//! GitHub's REST API, beside its `X-RateLimit-*`.
//!
//! * The primary limit is answered with 403 or 429 and `X-RateLimit-Remaining: 0`; the reset is a Unix time in seconds.
//! * A secondary limit is answered with 403 or 429; `Retry-After` counts if it is there, then a spent budget, "otherwise, wait
//!   for at least one minute" (docs.github.com, "Rate limits for the REST API", "Exceeding the rate limit").
//! * `X-RateLimit-Resource` names the budget: `core` is that of nearly everything, others (`search`, `graphql`) are of a part.
//!
//! A 403 with neither field is a refusal for another reason, or a secondary limit that only the body tells: it holds nobody.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use super::budget::field;

/// What a secondary limit that says no time asks for.
const A_MINUTE: Duration = Duration::from_secs(60);

/// Whether this is GitHub.
fn is_github(headers: &HeaderMap) -> bool {
    headers.contains_key("x-github-request-id")
}

/// Whether a status that elsewhere refuses nobody's pace does so here.
pub(super) fn refuses(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_counted = headers.contains_key("x-ratelimit-remaining") || is_github(headers);
    status == StatusCode::FORBIDDEN && is_counted && headers.contains_key(header::RETRY_AFTER)
}

/// How long to wait after a refusal that says no time.
pub(super) fn unstated(headers: &HeaderMap) -> Option<Duration> {
    is_github(headers).then_some(A_MINUTE)
}

/// Whether the budget is that of a part of the API.
pub(super) fn is_of_a_part(headers: &HeaderMap) -> bool {
    field(headers, "x-ratelimit-resource").is_some_and(|resource| resource != "core")
}
