//! `Retry-After` (RFC 9110, 10.2.3).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use super::time::{after_response, parse_seconds};

/// Reads the delay that `Retry-After` states, counted from the response.
///
/// * Seconds may have a fraction, which the RFC does not allow and Shopify and Discord send.
/// * A date is compared with the response's own `Date`, or with `wall` if the response has none. An earlier date is a
///   delay of zero.
/// * The longest of several values counts. A number that is too large becomes [`Duration::MAX`]. A malformed value is
///   ignored.
pub(crate) fn retry_after(headers: &HeaderMap, wall: SystemTime) -> Option<Duration> {
    let lines = headers.get_all(header::RETRY_AFTER).iter().filter_map(|line| line.to_str().ok());
    let read = |line: &str| match httpdate::parse_http_date(line.trim()) {
        Ok(date) => Some(after_response(date, headers, wall)),
        Err(_) => line.split(',').filter_map(parse_seconds).max(),
    };
    lines.filter_map(read).max()
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
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(read("2"), Some(Duration::from_secs(2)));
        assert_eq!(read("0"), Some(Duration::ZERO));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:17 GMT"), Some(Duration::ZERO));
        assert_eq!(read("99999999999999999999"), Some(Duration::MAX));
        for malformed in ["-1", "", "soon", "+3", "1e3", ".", "5.", ".5", "1.2.3", "Sun, 06 Nov"] {
            assert_eq!(read(malformed), None, "{malformed}");
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
    fn the_longest_of_several_values_counts() {
        assert_eq!(read("2, 5"), Some(Duration::from_secs(5)));
        assert_eq!(read("soon, 5"), Some(Duration::from_secs(5)));
        assert_eq!(read_at(&["7", "soon", "Sun, 06 Nov 1994 08:49:37 GMT"], None), Some(Duration::from_secs(10)));
    }

    #[test]
    fn a_date_is_relative_to_the_date_of_the_response() {
        let date = Some("Sun, 06 Nov 1994 09:49:27 GMT");
        assert_eq!(read_at(&["Sun, 06 Nov 1994 09:49:30 GMT"], date), Some(Duration::from_secs(3)));
        assert_eq!(read_at(&["Sun, 06 Nov 1994 08:49:30 GMT"], Some("yesterday")), Some(Duration::from_secs(3)));
    }
}
