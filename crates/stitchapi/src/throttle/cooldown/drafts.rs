//! The older drafts of `RateLimit`, which are much in use.
//!
//! ```text
//! RateLimit-Limit: 100, 100;w=60     RateLimit-Remaining: 0     RateLimit-Reset: 30
//! RateLimit: limit=100, remaining=0, reset=30
//! ```
//!
//! * Three fields: draft-polli-ratelimit-headers and draft-ietf-httpapi-ratelimit-headers-00 to 06; one dictionary: 07.
//! * The reset is always a number of seconds from the answer on, never a date.

use std::convert::Infallible;
use std::time::Duration;

use http::HeaderMap;
use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::budget::{Budget, count, field};
use super::ietf::{lines, number};
use crate::rate_limit_headers::read_seconds;

pub(super) fn read(headers: &HeaderMap) -> Option<Budget> {
    let left = field(headers, "ratelimit-remaining").and_then(count);
    let resets_in = field(headers, "ratelimit-reset").and_then(read_seconds);
    if left.is_some() || resets_in.is_some() {
        return Some(Budget { left, resets_in });
    }
    let (mut left, mut reset) = (None, None);
    let entries = Entries { left: &mut left, reset: &mut reset };
    Parser::new(&lines(headers, "ratelimit")?).parse_dictionary_with_visitor(entries).ok()?;
    left.map(|left| Budget { left: Some(left), resets_in: reset.map(Duration::from_secs) })
}

struct Entries<'v> {
    left: &'v mut Option<u64>,
    reset: &'v mut Option<u64>,
}

impl<'de> DictionaryVisitor<'de> for Entries<'_> {
    type Out = ();
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(match key.as_str() {
            "remaining" => Some(Entry(self.left)),
            "reset" => Some(Entry(self.reset)),
            _ => None,
        })
    }
    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Entry<'v>(&'v mut Option<u64>);

impl<'de> EntryVisitor<'de> for Entry<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(move |value: BareItemFromInput<'de>| {
            *self.0 = number(&value);
            Ok::<_, Infallible>(Ignored)
        })
    }
    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(Ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(fields: &[(&'static str, &str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        read(&headers)?.spent_for(false).map(|after| after.as_secs())
    }

    #[test]
    fn three_fields_or_one_dictionary_say_what_is_left_and_for_how_long() {
        let three = |left, reset| {
            spent(&[("ratelimit-limit", "100, 100;w=60"), ("ratelimit-remaining", left), ("ratelimit-reset", reset)])
        };
        assert_eq!(three("0", "30"), Some(30));
        assert_eq!(three("1", "30"), None);
        assert_eq!(three("0", "1767225600"), Some(1_767_225_600));
        assert_eq!(spent(&[("ratelimit", "limit=100, remaining=0, reset=30")]), Some(30));
        assert_eq!(spent(&[("ratelimit", "limit=100, remaining=1, reset=30")]), None);
    }

    #[test]
    fn odd_values_say_nothing() {
        for odd in ["-1", "soon", "", "1 s"] {
            assert_eq!(spent(&[("ratelimit-remaining", "0"), ("ratelimit-reset", odd)]), None, "{odd}");
        }
        assert_eq!(spent(&[("ratelimit", "remaining=(0 1), reset=30")]), None);
        assert_eq!(spent(&[("ratelimit", "remaining=0, reset=")]), None);
        assert_eq!(spent(&[("ratelimit", "remaining=0;x, reset=-30")]), None);
    }
}
