//! What an answer asks for.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use super::cached::is_from_a_cache;
use super::{discord, drafts, github, ietf, shopify, x_rate_limit};
use crate::rate_limit_headers::retry_after;
use crate::trace::HoldReason;

/// What an answer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(super) pause: Pause,
    /// Whether the budget that it speaks of is that of a part of the API.
    pub(crate) of_a_part: bool,
    /// Whether it refused the pace of nobody.
    pub(super) went_through: bool,
}

/// Whether nobody is to start for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// No.
    No,
    /// For so long from the answer on.
    For(Duration, HoldReason),
    /// Yes, and it is not said for how long.
    Unstated,
}

/// Reads an answer, when our clock says `wall`. The first of these that applies:
///
/// 1. A refusal (429, GitHub's 403) or a 503 with a `Retry-After`: for that long. It takes precedence
///    (draft-ietf-httpapi-ratelimit-headers-11, 7).
/// 2. Any answer that is not from a cache and says of a budget that nothing is left of it, and for how long: for that
///    long. A refusal that says only for how long means that, too. Of the dialects the first one that says so counts: the
///    more exact ones are before the others.
/// 3. A refusal by GitHub: a minute.
/// 4. A refusal: for a while.
pub(crate) fn asked(status: StatusCode, headers: &HeaderMap, wall: SystemTime) -> Asked {
    let refused = status == StatusCode::TOO_MANY_REQUESTS || github::refuses(status, headers);
    let busy = status == StatusCode::SERVICE_UNAVAILABLE;
    let stated = retry_after(headers, wall).filter(|_| refused || busy);
    let pause = match stated {
        Some(Duration::ZERO) => Pause::No,
        Some(after) => Pause::For(after, HoldReason::RetryAfter),
        None => match spent(headers, refused, wall) {
            Some((after, reason)) => Pause::For(after, reason),
            None if refused => match github::unstated(headers) {
                Some(after) => Pause::For(after, HoldReason::Refusal),
                None => Pause::Unstated,
            },
            None => Pause::No,
        },
    };
    let of_a_part = discord::is_of_a_part(headers) || github::is_of_a_part(headers) && stated.is_none();
    Asked { pause, of_a_part, went_through: !refused && !status.is_server_error() }
}

/// For how long a budget is spent, and who says so.
fn spent(headers: &HeaderMap, refused: bool, wall: SystemTime) -> Option<(Duration, HoldReason)> {
    if !refused && is_from_a_cache(headers) {
        return None;
    }
    let said = [
        (ietf::read(headers), HoldReason::RateLimit),
        (drafts::read(headers), HoldReason::RateLimit),
        (discord::read(headers), HoldReason::XRateLimit),
        (x_rate_limit::read(headers, wall), HoldReason::XRateLimit),
        (shopify::read(headers), HoldReason::Shopify),
    ];
    said.into_iter().find_map(|(budget, reason)| Some((budget?.spent_for(refused)?, reason)))
}
