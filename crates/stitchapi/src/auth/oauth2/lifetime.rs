//! How long a token is good for.

use std::time::Duration;

use serde_json::Value;

/// Said to be good for no time at all, or less. Not zero: each call would ask for a token of its own.
const SHORTEST: Duration = Duration::from_secs(30);
/// No lifetime is believed to be longer.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Where nothing is said.
pub(super) const UNSAID: Duration = Duration::from_secs(60 * 60);

/// What an `expires_in` says, in whole seconds, rounded down: a number, or text that is one (some servers send that).
/// `None`: nothing.
pub(super) fn said(expires_in: &Value) -> Option<Duration> {
    let seconds = match expires_in {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    // What is negative becomes zero, and what is too large the largest.
    seconds.filter(|seconds| seconds.is_finite()).map(|seconds| Duration::from_secs(seconds as u64))
}

/// A lifetime that can be worked with: 30 s for less than a second, and at most 30 days.
pub(super) fn bounded(lifetime: Duration) -> Duration {
    if lifetime < Duration::from_secs(1) { SHORTEST } else { lifetime.min(LONGEST) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn seconds(expires_in: &Value) -> Option<u64> {
        said(expires_in).map(|lifetime| bounded(lifetime).as_secs())
    }

    #[test]
    fn numbers_and_text_that_is_one_are_seconds() {
        for hour in [json!(3600), json!(3600.0), json!(3600.9), json!("3600"), json!(" 3600 "), json!("3600.5")] {
            assert_eq!(seconds(&hour), Some(3600), "{hour}");
        }
        assert_eq!(seconds(&json!(1)), Some(1));
    }

    #[test]
    fn no_time_at_all_is_30_seconds() {
        for none in
            [json!(0), json!(-0.0), json!(-1), json!(i64::MIN), json!(0.5), json!("0"), json!("-5"), json!(-1e300)]
        {
            assert_eq!(seconds(&none), Some(30), "{none}");
        }
    }

    #[test]
    fn for_ever_is_30_days() {
        for ever in [json!(1_000_000_000_000_u64), json!(u64::MAX), json!(1e300), json!("99999999999999999999999")] {
            assert_eq!(seconds(&ever), Some(2_592_000), "{ever}");
        }
    }

    #[test]
    fn what_is_no_number_says_nothing() {
        for nothing in
            [json!(null), json!(true), json!([60]), json!({}), json!(""), json!("1h"), json!("inf"), json!("NaN")]
        {
            assert_eq!(seconds(&nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn every_lifetime_is_between_a_second_and_30_days(seconds: u64, nanos in 0_u32..1_000_000_000) {
            let bounded = bounded(Duration::new(seconds, nanos));
            prop_assert!((Duration::from_secs(1)..=LONGEST).contains(&bounded));
        }
    }
}
