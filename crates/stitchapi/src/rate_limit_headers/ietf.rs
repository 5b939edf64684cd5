//! `RateLimit` and `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers, 08 to 11 (May 2026).
//!
//! ```text
//! RateLimit-Policy: "minute";q=100;w=60, "open";q=5;qu="concurrent-requests"
//! RateLimit: "minute";r=0;t=30, "open";r=2
//! ```
//!
//! * Each item of `RateLimit` is a quota: `r` units are left for the next `t` seconds. Of several exhausted quotas, the
//!   one with the longest `t` counts. An item without `t` states no reset.
//! * `RateLimit-Policy` states what a quota counts. A quota that counts concurrent requests has no reset and is
//!   ignored. `q` and `w` are not read: `r` and `t` state all that is needed.
//! * A field that is not a list of this form (RFC 9651) is ignored as a whole, as the draft requires.

use std::convert::Infallible;
use std::time::Duration;

use http::HeaderMap;
use sfv::visitor::{EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::quota::Quota;

/// Quota unit of a policy that counts concurrent requests.
const CONCURRENT_REQUESTS: &str = "concurrent-requests";

/// Reads the quota that is exhausted for the longest time, or any if none is exhausted.
pub(super) fn read(headers: &HeaderMap) -> Option<Quota> {
    let items = parse(headers, "ratelimit")?;
    let policies = parse(headers, "ratelimit-policy").unwrap_or_default();
    let counts_requests = |item: &Item| {
        let policy = policies.iter().find(|policy| policy.name == item.name);
        policy.is_none_or(|policy| !policy.is_concurrent)
    };
    let quotas = items.iter().filter(|item| counts_requests(item)).filter_map(|item| {
        let resets_in = item.resets_in.map(Duration::from_secs);
        item.remaining.map(|remaining| Quota { remaining: Some(remaining), resets_in })
    });
    quotas.max_by_key(|quota| quota.exhausted_for(false))
}

/// Parses the list in the header field `name`; `None` if the field is absent or malformed.
fn parse(headers: &HeaderMap, name: &str) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    Parser::new(&joined_lines(headers, name)?).parse_list_with_visitor(Items(&mut items)).ok()?;
    Some(items)
}

/// Joins all lines of a structured field (RFC 9651, 4.2); `None` if the field is absent or not ASCII.
pub(super) fn joined_lines(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().ok()).collect::<Option<_>>()?;
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// Returns the value of an integer; `None` if it is negative, or the item is not an integer.
pub(super) fn unsigned(item: &BareItemFromInput<'_>) -> Option<u64> {
    u64::try_from(i64::from(item.as_integer()?)).ok()
}

/// Item of `RateLimit` or `RateLimit-Policy`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Item {
    name: String,
    /// Units left: parameter `r`.
    remaining: Option<u64>,
    /// Seconds until the reset: parameter `t`.
    resets_in: Option<u64>,
    /// Whether the policy counts concurrent requests: parameter `qu`.
    is_concurrent: bool,
}

struct Items<'v>(&'v mut Vec<Item>);

impl<'de> ListVisitor<'de> for Items<'_> {
    type Out = ();
    type Error = Infallible;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(Entry(self.0))
    }
    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Entry<'v>(&'v mut Vec<Item>);

impl<'de> EntryVisitor<'de> for Entry<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }
    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for Entry<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(self, name: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        let name = name.as_string().map(|name| name.as_str().to_owned()).unwrap_or_default();
        Ok(Parameters { items: self.0, item: Item { name, ..Item::default() } })
    }
}

struct Parameters<'v> {
    items: &'v mut Vec<Item>,
    item: Item,
}

impl<'de> ParameterVisitor<'de> for Parameters<'_> {
    type Out = ();
    type Error = Infallible;

    fn parameter(&mut self, key: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<(), Infallible> {
        match key.as_str() {
            "r" => self.item.remaining = unsigned(&value),
            "t" => self.item.resets_in = unsigned(&value),
            "qu" => {
                self.item.is_concurrent = value.as_string().is_some_and(|unit| unit.as_str() == CONCURRENT_REQUESTS);
            }
            _ => {}
        }
        Ok(())
    }
    fn finish(self) -> Result<(), Infallible> {
        self.items.push(self.item);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exhausted_for(quotas: &[&str], policy: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for line in quotas {
            headers.append("ratelimit", line.parse().unwrap());
        }
        headers.insert("ratelimit-policy", policy.parse().unwrap());
        read(&headers)?.exhausted_for(false).map(|resets_in| resets_in.as_secs())
    }

    #[test]
    fn an_item_with_nothing_left_is_exhausted_until_its_reset() {
        assert_eq!(exhausted_for(&[r#""default";r=0;t=30"#], r#""default";q=100;w=60"#), Some(30));
        assert_eq!(exhausted_for(&[r#""default";r=50;t=30"#], r#""default";q=100;w=60"#), None);
        assert_eq!(exhausted_for(&[r#""default";t=30;r=0;pk=:dHJpYWwx:;acme-note="a;r=9""#], ""), Some(30));
    }

    #[test]
    fn of_several_exhausted_items_the_longest_counts() {
        let several = r#""second";r=0;t=1, "hour";r=0;t=1800, "day";r=7;t=80000"#;
        assert_eq!(exhausted_for(&[several], ""), Some(1800));
        assert_eq!(exhausted_for(&[r#""second";r=0;t=1"#, r#""hour";r=0;t=1800"#], ""), Some(1800));
    }

    #[test]
    fn an_item_that_counts_concurrent_requests_is_ignored() {
        let policy = r#""open";q=5;qu="concurrent-requests", "minute";q=9;w=60"#;
        assert_eq!(exhausted_for(&[r#""open";r=0;t=5"#], policy), None);
        assert_eq!(exhausted_for(&[r#""open";r=0;t=5, "minute";r=0;t=3"#], policy), Some(3));
    }

    #[test]
    fn a_malformed_field_is_ignored() {
        for malformed in
            [r#""default";r=0;t="#, r#""default;r=0;t=30"#, "", "0;30", r#""d";r=-1;t=9"#, r#""d";r=0;t=-9"#, "r=0;t=3"]
        {
            assert_eq!(exhausted_for(&[malformed], ""), None, "{malformed}");
        }
        assert_eq!(exhausted_for(&[r#""d";r=0;t=99999999999999999999"#], ""), None);
        assert_eq!(exhausted_for(&[r#""d";r=0;t=999999999999999"#], ""), Some(999_999_999_999_999));
    }
}
