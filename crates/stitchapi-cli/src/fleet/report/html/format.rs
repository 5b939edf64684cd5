//! Formats text and numbers for HTML and SVG.

/// Escapes text for use between tags or in a double-quoted attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Formats a count with a comma between thousands.
pub(super) fn count(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a count with its noun: `1 login`, `4 logins`.
pub(super) fn count_of(number: usize, singular: &str, plural: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { singular } else { plural })
}

/// Formats a coordinate, rounded to a tenth of a pixel.
pub(super) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Converts a time in microseconds on the boot clock to seconds since `begins`. An earlier time gives 0.
#[expect(clippy::cast_precision_loss, reason = "microseconds of an hour fit a double")]
pub(super) fn seconds_since(begins: u64, at: u64) -> f64 {
    at.saturating_sub(begins) as f64 / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_special_characters_are_escaped() {
        assert_eq!(escape("<a href=\"x\">&</a>"), "&lt;a href=&quot;x&quot;&gt;&amp;&lt;/a&gt;");
    }

    #[test]
    fn counts_have_thousands_separators_and_the_right_noun() {
        let counts: Vec<String> = [0_u64, 999, 1_000, 1_234_567].map(count).to_vec();
        assert_eq!(counts, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            (count_of(1, "login", "logins"), count_of(0, "login", "logins")),
            ("1 login".into(), "0 logins".into())
        );
    }

    #[test]
    fn a_coordinate_has_at_most_one_decimal() {
        assert_eq!((px(3.0), px(2.57), px(100.0)), ("3".into(), "2.6".into(), "100".into()));
    }

    #[test]
    fn times_before_the_beginning_are_0_seconds() {
        assert!(seconds_since(5, 1_500_005).total_cmp(&1.5).is_eq());
        assert!(seconds_since(5, 0).total_cmp(&0.0).is_eq());
    }
}
