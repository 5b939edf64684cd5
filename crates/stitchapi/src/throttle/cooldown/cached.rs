//! Answers that come from a cache on the way.

use http::{HeaderMap, header};

use super::budget::{count, field};

/// Whether the answer is an old one: what it says of a budget is no longer so (draft-ietf-httpapi-ratelimit-headers-11, 7.3).
pub(super) fn is_from_a_cache(headers: &HeaderMap) -> bool {
    field(headers, header::AGE.as_str()).and_then(count).is_some_and(|age| age > 0)
}
