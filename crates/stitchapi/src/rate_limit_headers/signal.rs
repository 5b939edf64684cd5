//! The rate-limit signal of a response, read from its status and headers in every known dialect.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use super::quota::{Quota, parse_count, single_value};
use super::retry_after::retry_after;
use super::{discord, github, ietf, ietf_early, shopify, x_rate_limit};
use crate::trace::HoldReason;

/// Rate-limit signal of one response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimitSignal {
    /// Cooldown that the response requests.
    pub(crate) cooldown: Cooldown,
    /// Whether the limit covers a part of the API only: one route or one resource.
    pub(crate) is_partial: bool,
    /// Whether the response is neither a rate-limit refusal nor a server error.
    pub(crate) is_accepted: bool,
}

/// Cooldown that a response requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cooldown {
    /// No cooldown.
    None,
    /// A cooldown of this length, counted from the response.
    Stated(Duration, HoldReason),
    /// A cooldown whose length the response does not state.
    Unstated,
}

/// A set of headers in which an API states how much of a limit is left.
struct Dialect {
    read: fn(&HeaderMap, SystemTime) -> Option<Quota>,
    reason: HoldReason,
}

/// Dialects in order of precedence: the more exact ones first.
const DIALECTS: [Dialect; 5] = [
    Dialect { read: |headers, _| ietf::read(headers), reason: HoldReason::RateLimit },
    Dialect { read: |headers, _| ietf_early::read(headers), reason: HoldReason::RateLimit },
    Dialect { read: |headers, _| discord::read(headers), reason: HoldReason::XRateLimit },
    Dialect { read: x_rate_limit::read, reason: HoldReason::XRateLimit },
    Dialect { read: |headers, _| shopify::read(headers), reason: HoldReason::Shopify },
];

/// Reads the rate-limit signal of a response that arrived when the local wall clock showed `wall`.
///
/// The cooldown follows from the first of these rules that applies:
///
/// 1. A refusal (429, or GitHub's 403) or a 503 with a `Retry-After` requests a cooldown of that length. This takes
///    precedence (draft-ietf-httpapi-ratelimit-headers-11, 7). A length of zero requests none.
/// 2. A response that states an exhausted quota and its reset requests a cooldown until that reset, whatever its
///    status. A response from an HTTP cache does not, unless it is a refusal. In a refusal, a reset counts even if the
///    remaining quota is not stated.
/// 3. A refusal by GitHub requests a cooldown of one minute.
/// 4. Any other refusal requests a cooldown of unstated length.
pub(crate) fn read(status: StatusCode, headers: &HeaderMap, wall: SystemTime) -> RateLimitSignal {
    let is_refusal = status == StatusCode::TOO_MANY_REQUESTS || github::is_refusal(status, headers);
    let is_unavailable = status == StatusCode::SERVICE_UNAVAILABLE;
    let retry_after = retry_after(headers, wall).filter(|_| is_refusal || is_unavailable);
    let cooldown = match retry_after {
        Some(Duration::ZERO) => Cooldown::None,
        Some(delay) => Cooldown::Stated(delay, HoldReason::RetryAfter),
        None => match exhausted_quota(headers, is_refusal, wall) {
            Some((resets_in, reason)) => Cooldown::Stated(resets_in, reason),
            None if is_refusal => match github::unstated_cooldown(headers) {
                Some(delay) => Cooldown::Stated(delay, HoldReason::Refusal),
                None => Cooldown::Unstated,
            },
            None => Cooldown::None,
        },
    };
    let is_partial = discord::is_partial(headers) || github::is_partial(headers) && retry_after.is_none();
    RateLimitSignal { cooldown, is_partial, is_accepted: !is_refusal && !status.is_server_error() }
}

/// Returns how long a quota stays exhausted, according to the first dialect that states an exhausted quota.
fn exhausted_quota(headers: &HeaderMap, is_refusal: bool, wall: SystemTime) -> Option<(Duration, HoldReason)> {
    if !is_refusal && is_from_cache(headers) {
        return None;
    }
    let exhausted =
        |dialect: &Dialect| Some(((dialect.read)(headers, wall)?.exhausted_for(is_refusal)?, dialect.reason));
    DIALECTS.iter().find_map(exhausted)
}

/// Returns `true` if an HTTP cache between this process and the API sent the response. Its quota is then outdated
/// (draft-ietf-httpapi-ratelimit-headers-11, 7.3).
fn is_from_cache(headers: &HeaderMap) -> bool {
    single_value(headers, header::AGE.as_str()).and_then(parse_count).is_some_and(|age| age > 0)
}
