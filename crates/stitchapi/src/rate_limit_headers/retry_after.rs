//! What an answer says about time.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

/// What `Retry-After` says (RFC 9110, 10.2.3): seconds, or a date.
///
/// * Seconds may have a fraction, which the RFC does not know and Shopify and Discord send.
/// * A date counts from the answer's own `Date`, so a wrong clock on this side changes nothing; without one, from `wall`. A
///   date in the past is now.
/// * A number too large is the longest time there is; of several values the longest is meant; anything else is nothing.
pub(crate) fn retry_after(headers: &HeaderMap, wall: SystemTime) -> Option<Duration> {
    let lines = headers.get_all(header::RETRY_AFTER).iter().filter_map(|line| line.to_str().ok());
    let read = |line: &str| match httpdate::parse_http_date(line.trim()) {
        Ok(date) => Some(since_the_answer(date, headers, wall)),
        Err(_) => line.split(',').filter_map(read_seconds).max(),
    };
    lines.filter_map(read).max()
}

/// How long after the answer this is, by its `Date`, or else by our clock; nothing if it was before.
///
/// A `Date` has no fraction, so this is up to a second too long, and never too short.
pub(crate) fn since_the_answer(time: SystemTime, headers: &HeaderMap, wall: SystemTime) -> Duration {
    let date = headers.get(header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    time.duration_since(date.unwrap_or(wall)).unwrap_or_default()
}

/// Digits, perhaps with a fraction, as seconds, rounded up to the microsecond. Too many are the longest time there is.
pub(crate) fn read_seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let Ok(seconds) = whole.parse() else { return Some(Duration::MAX) };
    let micros =
        fraction.bytes().chain([b'0'; 6]).take(6).fold(0, |micros, digit| micros * 10 + u64::from(digit - b'0'));
    let is_more = fraction.bytes().skip(6).any(|digit| digit != b'0');
    Some(Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros + u64::from(is_more))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Sun, 06 Nov 1994 08:49:27 GMT`.
    const WALL: u64 = 784_111_767;

    fn read_at(lines: &[&str], date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::RETRY_AFTER, line.parse().unwrap());
        }
        if let Some(date) = date {
            headers.insert(header::DATE, date.parse().unwrap());
        }
        retry_after(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(WALL))
    }

    fn read(line: &str) -> Option<Duration> {
        read_at(&[line], None)
    }

    #[test]
    fn it_is_seconds_or_a_date_and_nothing_else() {
        assert_eq!(read("2"), Some(Duration::from_secs(2)));
        assert_eq!(read("0"), Some(Duration::ZERO));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:17 GMT"), Some(Duration::ZERO));
        assert_eq!(read("99999999999999999999"), Some(Duration::MAX));
        for garbage in ["-1", "", "soon", "+3", "1e3", ".", "5.", ".5", "1.2.3", "Sun, 06 Nov"] {
            assert_eq!(read(garbage), None, "{garbage}");
        }
        assert_eq!(read_at(&[], None), None);
    }

    #[test]
    fn a_fraction_of_a_second_is_rounded_up() {
        assert_eq!(read("2.0"), Some(Duration::from_secs(2)));
        assert_eq!(read("64.57"), Some(Duration::from_micros(64_570_000)));
        assert_eq!(read("0.0000001"), Some(Duration::from_micros(1)));
        assert_eq!(read("18446744073709551615.9"), Some(Duration::new(u64::MAX, 900_000_000)));
    }

    #[test]
    fn of_several_values_the_longest_is_meant() {
        assert_eq!(read("2, 5"), Some(Duration::from_secs(5)));
        assert_eq!(read("soon, 5"), Some(Duration::from_secs(5)));
        assert_eq!(read_at(&["7", "soon", "Sun, 06 Nov 1994 08:49:37 GMT"], None), Some(Duration::from_secs(10)));
    }

    #[test]
    fn a_date_counts_from_that_of_the_answer() {
        let date = Some("Sun, 06 Nov 1994 09:49:27 GMT");
        assert_eq!(read_at(&["Sun, 06 Nov 1994 09:49:30 GMT"], date), Some(Duration::from_secs(3)));
        assert_eq!(read_at(&["Sun, 06 Nov 1994 08:49:30 GMT"], Some("yesterday")), Some(Duration::from_secs(3)));
    }
}
