//! Discord's API, beside its `X-RateLimit-*` (docs.discord.com, "Rate Limits").
//!
//! * `X-RateLimit-Reset-After` is the time to the reset in seconds, with a fraction: better than a Unix time.
//! * `Retry-After` of a refusal is the same in whole seconds, rounded up, or the longer time of a shared resource: it counts.
//! * Most budgets are of one route: `X-RateLimit-Bucket` names it. One of everything says `X-RateLimit-Global: true`, or
//!   `X-RateLimit-Scope: global`; both come with refusals only.

use http::HeaderMap;

use super::budget::{Budget, count, field};
use crate::rate_limit_headers::read_seconds;

pub(super) fn read(headers: &HeaderMap) -> Option<Budget> {
    let resets_in = Some(field(headers, "x-ratelimit-reset-after").and_then(read_seconds)?);
    Some(Budget { left: field(headers, "x-ratelimit-remaining").and_then(count), resets_in })
}

/// Whether the budget is that of a part of the API.
pub(super) fn is_of_a_part(headers: &HeaderMap) -> bool {
    let is_global = field(headers, "x-ratelimit-scope") == Some("global")
        || field(headers, "x-ratelimit-global").is_some_and(|global| global.eq_ignore_ascii_case("true"));
    headers.contains_key("x-ratelimit-bucket") && !is_global
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_reset_is_seconds_with_a_fraction() {
        let budget = read(&headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "64.57")])).unwrap();
        assert_eq!(budget.spent_for(false), Some(Duration::from_millis(64_570)));
        assert_eq!(read(&headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "soon")])), None);
        assert_eq!(read(&headers(&[("x-ratelimit-remaining", "0")])), None);
    }

    #[test]
    fn a_budget_is_a_routes_unless_it_says_global() {
        let bucket = ("x-ratelimit-bucket", "abcd1234");
        assert!(is_of_a_part(&headers(&[bucket])));
        assert!(is_of_a_part(&headers(&[bucket, ("x-ratelimit-scope", "shared")])));
        assert!(!is_of_a_part(&headers(&[bucket, ("x-ratelimit-scope", "global")])));
        assert!(!is_of_a_part(&headers(&[bucket, ("x-ratelimit-global", "true")])));
        assert!(!is_of_a_part(&headers(&[("x-ratelimit-remaining", "0")])));
    }
}
