//! `RateLimit` and `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers, 08 to 11 (May 2026).
//!
//! ```text
//! RateLimit-Policy: "minute";q=100;w=60, "open";q=5;qu="concurrent-requests"
//! RateLimit: "minute";r=0;t=30, "open";r=2
//! ```
//!
//! * Each item of `RateLimit` is a budget: `r` is left of it for the next `t` seconds. Of several that are spent the
//!   longest counts. One without `t` says no time.
//! * `RateLimit-Policy` says what is counted. What counts requests that are under way is no budget of a time, and is not
//!   looked at; `q` and `w` tell nothing that `r` and `t` do not.
//! * A field that is no list of that form (RFC 9651) is ignored whole, as the draft demands.

use std::convert::Infallible;
use std::time::Duration;

use http::HeaderMap;
use sfv::visitor::{EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::budget::Budget;

/// The unit of a policy that counts what is under way.
const CONCURRENT: &str = "concurrent-requests";

pub(super) fn read(headers: &HeaderMap) -> Option<Budget> {
    let items = parse(headers, "ratelimit")?;
    let policies = parse(headers, "ratelimit-policy").unwrap_or_default();
    let is_of_a_time = |item: &Item| {
        let policy = policies.iter().find(|policy| policy.name == item.name);
        policy.is_none_or(|policy| !policy.is_concurrent)
    };
    let budgets = items.iter().filter(|item| is_of_a_time(item)).filter_map(|item| {
        let resets_in = item.window.map(Duration::from_secs);
        item.left.map(|left| Budget { left: Some(left), resets_in })
    });
    // The one that is spent for longest, or any.
    budgets.max_by_key(|budget| budget.spent_for(false))
}

/// The list that a field is; it may be split over several lines.
fn parse(headers: &HeaderMap, name: &str) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    Parser::new(&lines(headers, name)?).parse_list_with_visitor(Items(&mut items)).ok()?;
    Some(items)
}

/// All lines of a field as one, if it is there.
pub(super) fn lines(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().ok()).collect::<Option<_>>()?;
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// A number that is none below zero.
pub(super) fn number(item: &BareItemFromInput<'_>) -> Option<u64> {
    u64::try_from(i64::from(item.as_integer()?)).ok()
}

/// A member of either list.
#[derive(Debug, Default, PartialEq, Eq)]
struct Item {
    name: String,
    left: Option<u64>,
    window: Option<u64>,
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
            "r" => self.item.left = number(&value),
            "t" => self.item.window = number(&value),
            "qu" => self.item.is_concurrent = value.as_string().is_some_and(|unit| unit.as_str() == CONCURRENT),
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

    fn spent(budgets: &[&str], policy: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for line in budgets {
            headers.append("ratelimit", line.parse().unwrap());
        }
        headers.insert("ratelimit-policy", policy.parse().unwrap());
        read(&headers)?.spent_for(false).map(|after| after.as_secs())
    }

    #[test]
    fn an_item_with_nothing_left_holds_for_its_window() {
        assert_eq!(spent(&[r#""default";r=0;t=30"#], r#""default";q=100;w=60"#), Some(30));
        assert_eq!(spent(&[r#""default";r=50;t=30"#], r#""default";q=100;w=60"#), None);
        assert_eq!(spent(&[r#""default";t=30;r=0;pk=:dHJpYWwx:;acme-note="a;r=9""#], ""), Some(30));
    }

    #[test]
    fn of_several_items_the_longest_that_is_spent_counts() {
        let hour = r#""second";r=0;t=1, "hour";r=0;t=1800, "day";r=7;t=80000"#;
        assert_eq!(spent(&[hour], ""), Some(1800));
        assert_eq!(spent(&[r#""second";r=0;t=1"#, r#""hour";r=0;t=1800"#], ""), Some(1800));
    }

    #[test]
    fn what_counts_requests_under_way_is_no_budget_of_a_time() {
        let policy = r#""open";q=5;qu="concurrent-requests", "minute";q=9;w=60"#;
        assert_eq!(spent(&[r#""open";r=0;t=5"#], policy), None);
        assert_eq!(spent(&[r#""open";r=0;t=5, "minute";r=0;t=3"#], policy), Some(3));
    }

    #[test]
    fn a_malformed_field_is_ignored() {
        for odd in
            [r#""default";r=0;t="#, r#""default;r=0;t=30"#, "", "0;30", r#""d";r=-1;t=9"#, r#""d";r=0;t=-9"#, "r=0;t=3"]
        {
            assert_eq!(spent(&[odd], ""), None, "{odd}");
        }
        assert_eq!(spent(&[r#""d";r=0;t=99999999999999999999"#], ""), None);
        assert_eq!(spent(&[r#""d";r=0;t=999999999999999"#], ""), Some(999_999_999_999_999));
    }
}
