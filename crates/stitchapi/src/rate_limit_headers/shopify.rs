//! Shopify's REST Admin API: `X-Shopify-Shop-Api-Call-Limit: 40/40` states the calls in a leaky bucket and the capacity
//! of the bucket.
//!
//! The field states no time. A full bucket has room for one more call when one has leaked, and on the standard plan two
//! calls leak per second (shopify.dev, "REST Admin API rate limits"). On the larger plans calls leak faster, so that
//! this cooldown is longer than necessary there. A 429 has a `Retry-After` with a fraction (`2.0`), which takes
//! precedence.

use std::time::Duration;

use http::HeaderMap;

use super::quota::{Quota, parse_count, single_value};

/// Time in which one call leaks from the bucket.
const LEAK_INTERVAL: Duration = Duration::from_millis(500);

pub(super) fn read(headers: &HeaderMap) -> Option<Quota> {
    let (used, capacity) = single_value(headers, "x-shopify-shop-api-call-limit")?.split_once('/')?;
    let (used, capacity) = (parse_count(used.trim())?, parse_count(capacity.trim())?);
    let remaining = Some(capacity.saturating_sub(used));
    (capacity > 0).then_some(Quota { remaining, resets_in: Some(LEAK_INTERVAL) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exhausted_for(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("x-shopify-shop-api-call-limit", text.parse().unwrap());
        read(&headers)?.exhausted_for(false)
    }

    #[test]
    fn a_full_bucket_is_exhausted_until_one_call_has_leaked() {
        assert_eq!(exhausted_for("40/40"), Some(LEAK_INTERVAL));
        assert_eq!(exhausted_for("41 / 40"), Some(LEAK_INTERVAL));
        assert_eq!(exhausted_for("39/40"), None);
        for text in ["", "/", "40", "40/", "0/0", "-1/40", "full/40", "40/40/40"] {
            assert_eq!(exhausted_for(text), None, "{text}");
        }
    }
}
