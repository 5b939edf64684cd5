//! The early drafts of `RateLimit`, which many APIs send.
//!
//! ```text
//! RateLimit-Limit: 100, 100;w=60     RateLimit-Remaining: 0     RateLimit-Reset: 30
//! RateLimit: limit=100, remaining=0, reset=30
//! ```
//!
//! * The three fields of the first line are from draft-polli-ratelimit-headers and
//!   draft-ietf-httpapi-ratelimit-headers-00 to 06. The dictionary of the second line is from draft 07.
//! * The reset is always a number of seconds from the response, never a date.

use std::convert::Infallible;
use std::time::Duration;

use http::HeaderMap;
use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::ietf::{joined_lines, unsigned};
use super::quota::{Quota, parse_count, single_value};
use super::time::parse_seconds;

/// Reads the quota from the fields `RateLimit-Remaining` and `RateLimit-Reset`, or else from the dictionary.
pub(super) fn read(headers: &HeaderMap) -> Option<Quota> {
    let remaining = single_value(headers, "ratelimit-remaining").and_then(parse_count);
    let resets_in = single_value(headers, "ratelimit-reset").and_then(parse_seconds);
    if remaining.is_some() || resets_in.is_some() {
        return Some(Quota { remaining, resets_in });
    }
    let (mut remaining, mut reset) = (None, None);
    let entries = Entries { remaining: &mut remaining, reset: &mut reset };
    Parser::new(&joined_lines(headers, "ratelimit")?).parse_dictionary_with_visitor(entries).ok()?;
    remaining.map(|remaining| Quota { remaining: Some(remaining), resets_in: reset.map(Duration::from_secs) })
}

struct Entries<'v> {
    remaining: &'v mut Option<u64>,
    reset: &'v mut Option<u64>,
}

impl<'de> DictionaryVisitor<'de> for Entries<'_> {
    type Out = ();
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(match key.as_str() {
            "remaining" => Some(Entry(self.remaining)),
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
            *self.0 = unsigned(&value);
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

    fn exhausted_for(fields: &[(&'static str, &str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        read(&headers)?.exhausted_for(false).map(|resets_in| resets_in.as_secs())
    }

    #[test]
    fn three_fields_or_one_dictionary_state_a_quota_and_its_reset() {
        let three = |remaining, reset| {
            exhausted_for(&[
                ("ratelimit-limit", "100, 100;w=60"),
                ("ratelimit-remaining", remaining),
                ("ratelimit-reset", reset),
            ])
        };
        assert_eq!(three("0", "30"), Some(30));
        assert_eq!(three("1", "30"), None);
        assert_eq!(three("0", "1767225600"), Some(1_767_225_600));
        assert_eq!(exhausted_for(&[("ratelimit", "limit=100, remaining=0, reset=30")]), Some(30));
        assert_eq!(exhausted_for(&[("ratelimit", "limit=100, remaining=1, reset=30")]), None);
    }

    #[test]
    fn malformed_values_are_ignored() {
        for malformed in ["-1", "soon", "", "1 s"] {
            assert_eq!(
                exhausted_for(&[("ratelimit-remaining", "0"), ("ratelimit-reset", malformed)]),
                None,
                "{malformed}"
            );
        }
        assert_eq!(exhausted_for(&[("ratelimit", "remaining=(0 1), reset=30")]), None);
        assert_eq!(exhausted_for(&[("ratelimit", "remaining=0, reset=")]), None);
        assert_eq!(exhausted_for(&[("ratelimit", "remaining=0;x, reset=-30")]), None);
    }
}
