//! [`Quota`], which states how much of one limit is left, and parsers that several header formats share.

use std::time::Duration;

use http::HeaderMap;

/// How much of one limit of the API is left, as a response states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    /// Units left, if stated.
    pub(super) remaining: Option<u64>,
    /// Time from the response until more units are available, if stated.
    pub(super) resets_in: Option<Duration>,
}

impl Quota {
    /// Returns how long the quota stays exhausted; `None` if units are left or no reset is stated.
    ///
    /// In a refusal, a quota that does not state its remaining units counts as exhausted.
    pub(super) fn exhausted_for(self, is_refusal: bool) -> Option<Duration> {
        let is_exhausted = self.remaining.map_or(is_refusal, |remaining| remaining == 0);
        self.resets_in.filter(|resets_in| is_exhausted && !resets_in.is_zero())
    }
}

/// Returns the value of a header that occurs once; `None` if it occurs several times, because no occurrence takes
/// precedence.
pub(super) fn single_value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    values.next().is_none().then_some(value)
}

/// Parses a count of digits, and ignores a fraction. A count that is too large becomes [`u64::MAX`].
pub(super) fn parse_count(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    Some(whole.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_exhausted_with_nothing_remaining_or_in_a_refusal_that_states_no_remaining_units() {
        let quota = |remaining, secs: u64| Quota { remaining, resets_in: Some(Duration::from_secs(secs)) };
        let is_exhausted = |quota: Quota| [false, true].map(|is_refusal| quota.exhausted_for(is_refusal).is_some());
        assert_eq!(is_exhausted(quota(Some(0), 3)), [true, true]);
        assert_eq!(is_exhausted(quota(Some(1), 3)), [false, false]);
        assert_eq!(is_exhausted(quota(None, 3)), [false, true]);
        assert_eq!(is_exhausted(quota(Some(0), 0)), [false, false]);
        assert_eq!(is_exhausted(Quota { remaining: Some(0), resets_in: None }), [false, false]);
    }

    #[test]
    fn a_count_consists_of_digits() {
        assert_eq!(parse_count("0"), Some(0));
        assert_eq!(parse_count("0.0"), Some(0));
        assert_eq!(parse_count("99999999999999999999"), Some(u64::MAX));
        for malformed in ["", "-1", "none", ".0", "0x1", "1,2"] {
            assert_eq!(parse_count(malformed), None, "{malformed}");
        }
    }
}
