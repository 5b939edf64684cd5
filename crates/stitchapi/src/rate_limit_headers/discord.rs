//! Discord's API: the header fields that it sends in addition to the common `X-RateLimit-*` ones (docs.discord.com,
//! "Rate Limits").
//!
//! * `X-RateLimit-Reset-After` is the time to the reset in seconds, with a fraction: more exact than a Unix time.
//! * `Retry-After` of a refusal states the same time in whole seconds, rounded up, or the longer time of a shared
//!   resource. It takes precedence.
//! * Most limits cover one route, which `X-RateLimit-Bucket` names. A limit of the whole API has
//!   `X-RateLimit-Global: true` or `X-RateLimit-Scope: global`; both are sent with refusals only.

use http::HeaderMap;

use super::quota::{Quota, parse_count, single_value};
use super::time::parse_seconds;

pub(super) fn read(headers: &HeaderMap) -> Option<Quota> {
    let resets_in = Some(single_value(headers, "x-ratelimit-reset-after").and_then(parse_seconds)?);
    Some(Quota { remaining: single_value(headers, "x-ratelimit-remaining").and_then(parse_count), resets_in })
}

/// Returns `true` if the limit covers one route only.
pub(super) fn is_partial(headers: &HeaderMap) -> bool {
    let is_global = single_value(headers, "x-ratelimit-scope") == Some("global")
        || single_value(headers, "x-ratelimit-global").is_some_and(|global| global.eq_ignore_ascii_case("true"));
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
        let quota = read(&headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "64.57")])).unwrap();
        assert_eq!(quota.exhausted_for(false), Some(Duration::from_millis(64_570)));
        assert_eq!(read(&headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "soon")])), None);
        assert_eq!(read(&headers(&[("x-ratelimit-remaining", "0")])), None);
    }

    #[test]
    fn a_limit_is_partial_unless_it_is_marked_global() {
        let bucket = ("x-ratelimit-bucket", "abcd1234");
        assert!(is_partial(&headers(&[bucket])));
        assert!(is_partial(&headers(&[bucket, ("x-ratelimit-scope", "shared")])));
        assert!(!is_partial(&headers(&[bucket, ("x-ratelimit-scope", "global")])));
        assert!(!is_partial(&headers(&[bucket, ("x-ratelimit-global", "true")])));
        assert!(!is_partial(&headers(&[("x-ratelimit-remaining", "0")])));
    }
}
