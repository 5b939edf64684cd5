//! The lifetime of a token.

use std::time::Duration;

use serde_json::Value;

/// Lifetime that replaces a lifetime of less than a second, because otherwise each call would request a token.
const MIN_LIFETIME: Duration = Duration::from_secs(30);
/// Upper bound of every lifetime.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Lifetime of a token whose response states none.
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Parses `expires_in` into whole seconds, rounded down. Some servers send the number as text. A negative number
/// becomes zero. Returns `None` if the value is neither a number nor text with a number.
pub(super) fn parse_expires_in(expires_in: &Value) -> Option<Duration> {
    let seconds = match expires_in {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    // The cast saturates: a negative number becomes 0, and one that is too large becomes `u64::MAX`.
    seconds.filter(|seconds| seconds.is_finite()).map(|seconds| Duration::from_secs(seconds as u64))
}

/// Bounds a lifetime: less than a second becomes 30 s, and more than 30 days becomes 30 days.
pub(super) fn bound_lifetime(lifetime: Duration) -> Duration {
    if lifetime < Duration::from_secs(1) { MIN_LIFETIME } else { lifetime.min(MAX_LIFETIME) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn seconds(expires_in: &Value) -> Option<u64> {
        parse_expires_in(expires_in).map(|lifetime| bound_lifetime(lifetime).as_secs())
    }

    #[test]
    fn a_number_and_text_that_is_one_are_seconds() {
        for hour in [json!(3600), json!(3600.0), json!(3600.9), json!("3600"), json!(" 3600 "), json!("3600.5")] {
            assert_eq!(seconds(&hour), Some(3600), "{hour}");
        }
        assert_eq!(seconds(&json!(1)), Some(1));
    }

    #[test]
    fn a_lifetime_below_a_second_becomes_30_s() {
        for none in
            [json!(0), json!(-0.0), json!(-1), json!(i64::MIN), json!(0.5), json!("0"), json!("-5"), json!(-1e300)]
        {
            assert_eq!(seconds(&none), Some(30), "{none}");
        }
    }

    #[test]
    fn a_lifetime_beyond_30_days_becomes_30_days() {
        for ever in [json!(1_000_000_000_000_u64), json!(u64::MAX), json!(1e300), json!("99999999999999999999999")] {
            assert_eq!(seconds(&ever), Some(2_592_000), "{ever}");
        }
    }

    #[test]
    fn a_value_that_is_not_a_number_states_no_lifetime() {
        for nothing in
            [json!(null), json!(true), json!([60]), json!({}), json!(""), json!("1h"), json!("inf"), json!("NaN")]
        {
            assert_eq!(seconds(&nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn a_bounded_lifetime_is_between_a_second_and_30_days(seconds: u64, nanos in 0_u32..1_000_000_000) {
            let bounded = bound_lifetime(Duration::new(seconds, nanos));
            prop_assert!((Duration::from_secs(1)..=MAX_LIFETIME).contains(&bounded));
        }
    }
}
