//! Text and numbers of a page.

/// Text between tags, and in an attribute in double quotes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A count with a comma between thousands.
pub(super) fn count(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and what is counted: `1 login`, `4 logins`.
pub(super) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { one } else { many })
}

/// A coordinate: a tenth of a pixel is enough.
pub(super) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Of a time on the boot clock: the seconds since the beginning.
#[expect(clippy::cast_precision_loss, reason = "microseconds of an hour fit a double")]
pub(super) fn seconds_since(begins: u64, at: u64) -> f64 {
    at.saturating_sub(begins) as f64 / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_html_is_escaped() {
        assert_eq!(escape("<a href=\"x\">&</a>"), "&lt;a href=&quot;x&quot;&gt;&amp;&lt;/a&gt;");
    }

    #[test]
    fn numbers_are_read_easily() {
        let counts: Vec<String> = [0_u64, 999, 1_000, 1_234_567].map(count).to_vec();
        assert_eq!(counts, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            (counted(1, "login", "logins"), counted(0, "login", "logins")),
            ("1 login".into(), "0 logins".into())
        );
        assert_eq!((px(3.0), px(2.57), px(100.0)), ("3".into(), "2.6".into(), "100".into()));
        assert!(seconds_since(5, 1_500_005).total_cmp(&1.5).is_eq());
        assert!(seconds_since(5, 0).total_cmp(&0.0).is_eq());
    }
}
