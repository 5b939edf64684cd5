//! Shopify's REST Admin API: `X-Shopify-Shop-Api-Call-Limit: 40/40`, what is in a leaky bucket and what fits in.
//!
//! No time is said. A full bucket has room for one more when one has leaked, and on the standard plan two leak a second
//! (shopify.dev, "REST Admin API rate limits"); the larger plans leak faster, so there this is too long by a part of it.
//! A 429 has a `Retry-After`, with a fraction (`2.0`), and that counts.

use std::time::Duration;

use http::HeaderMap;

use super::budget::{Budget, count, field};

/// How long one takes to leak.
const LEAK: Duration = Duration::from_millis(500);

pub(super) fn read(headers: &HeaderMap) -> Option<Budget> {
    let (used, room) = field(headers, "x-shopify-shop-api-call-limit")?.split_once('/')?;
    let (used, room) = (count(used.trim())?, count(room.trim())?);
    (room > 0).then(|| Budget { left: Some(room.saturating_sub(used)), resets_in: Some(LEAK) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("x-shopify-shop-api-call-limit", text.parse().unwrap());
        read(&headers)?.spent_for(false)
    }

    #[test]
    fn a_full_bucket_holds_until_one_has_leaked() {
        assert_eq!(spent("40/40"), Some(LEAK));
        assert_eq!(spent("41 / 40"), Some(LEAK));
        assert_eq!(spent("39/40"), None);
        for odd in ["", "/", "40", "40/", "0/0", "-1/40", "full/40", "40/40/40"] {
            assert_eq!(spent(odd), None, "{odd}");
        }
    }
}
