//! What a dialect says of a budget.

use std::time::Duration;

use http::HeaderMap;

/// What an answer says of one budget of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// How much of it is left, where that is said.
    pub(super) left: Option<u64>,
    /// When there will be more, from the answer on.
    pub(super) resets_in: Option<Duration>,
}

impl Budget {
    /// How long there is nothing left of it. After a refusal one that does not say what is left is spent.
    pub(super) fn spent_for(self, refused: bool) -> Option<Duration> {
        let is_spent = self.left.map_or(refused, |left| left == 0);
        self.resets_in.filter(|after| is_spent && !after.is_zero())
    }
}

/// The value of a field that is there once; said twice it is nobody's to choose from.
pub(super) fn field<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    values.next().is_none().then_some(value)
}

/// A count: digits, perhaps with a fraction, of which a part is not one.
pub(super) fn count(text: &str) -> Option<u64> {
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
    fn a_budget_is_spent_when_nothing_is_left_or_a_refusal_says_no_more() {
        let budget = |left, secs: u64| Budget { left, resets_in: Some(Duration::from_secs(secs)) };
        let spent = |budget: Budget| [false, true].map(|refused| budget.spent_for(refused).is_some());
        assert_eq!(spent(budget(Some(0), 3)), [true, true]);
        assert_eq!(spent(budget(Some(1), 3)), [false, false]);
        assert_eq!(spent(budget(None, 3)), [false, true]);
        assert_eq!(spent(budget(Some(0), 0)), [false, false]);
        assert_eq!(spent(Budget { left: Some(0), resets_in: None }), [false, false]);
    }

    #[test]
    fn a_count_is_digits() {
        assert_eq!(count("0"), Some(0));
        assert_eq!(count("0.0"), Some(0));
        assert_eq!(count("99999999999999999999"), Some(u64::MAX));
        for garbage in ["", "-1", "none", ".0", "0x1", "1,2"] {
            assert_eq!(count(garbage), None, "{garbage}");
        }
    }
}
