//! `X-RateLimit-Remaining` and `X-RateLimit-Reset`, and the spelling `X-Rate-Limit-*`: a convention, not a standard.
//!
//! The magnitude of the reset states its unit:
//!
//! | value | unit |
//! | --- | --- |
//! | below 10^9 | seconds from the response |
//! | from 10^9, the year 2001, below 10^11 | a Unix time in seconds (GitHub, X, Discord) |
//! | from 10^11, below 10^14 | a Unix time in milliseconds |
//! | a date (RFC 9110, 5.6.7) | that date |
//! | anything else | ignored |
//!
//! A Unix time or a date is compared with the response's own `Date`, or with the local wall clock if the response has
//! none.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::quota::{Quota, parse_count, single_value};
use super::time::{after_response, parse_seconds};

/// Lower bound of a Unix time in seconds.
const UNIX_SECONDS: Duration = Duration::from_secs(1_000_000_000);
/// Lower bound of a Unix time in milliseconds.
const UNIX_MILLIS: Duration = Duration::from_secs(100_000_000_000);
/// Lower bound of the numbers that are ignored.
const TOO_LARGE: Duration = Duration::from_secs(100_000_000_000_000);

pub(super) fn read(headers: &HeaderMap, wall: SystemTime) -> Option<Quota> {
    let either = |one, other| single_value(headers, one).or_else(|| single_value(headers, other));
    let remaining = either("x-ratelimit-remaining", "x-rate-limit-remaining").and_then(parse_count);
    let reset = either("x-ratelimit-reset", "x-rate-limit-reset");
    let resets_in = reset.and_then(|reset| resets_in(reset, headers, wall));
    (remaining.is_some() || resets_in.is_some()).then_some(Quota { remaining, resets_in })
}

/// Returns the time from the response to the reset.
fn resets_in(text: &str, headers: &HeaderMap, wall: SystemTime) -> Option<Duration> {
    let Some(value) = parse_seconds(text) else {
        return httpdate::parse_http_date(text).ok().map(|date| after_response(date, headers, wall));
    };
    if value < UNIX_SECONDS {
        return Some(value);
    }
    let since_1970 = if value < UNIX_MILLIS { value } else { value / 1_000 };
    let time = SystemTime::UNIX_EPOCH.checked_add(since_1970).filter(|_| value < TOO_LARGE)?;
    Some(after_response(time, headers, wall))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Thu, 01 Jan 2026 00:00:00 GMT` as a Unix time in seconds. Most resets in these tests are 30 s later.
    const WALL: u64 = 1_767_225_600;

    fn reset(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-remaining", "0".parse().unwrap());
        headers.insert("x-ratelimit-reset", text.parse().unwrap());
        read(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(WALL))?.exhausted_for(false)
    }

    #[test]
    fn the_magnitude_separates_seconds_from_a_unix_time_in_seconds_or_milliseconds() {
        let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
        assert_eq!(reset("30"), Some(seconds(30)));
        assert_eq!(reset("0.25"), Some(millis(250)));
        assert_eq!(reset("999999999"), Some(seconds(999_999_999)));
        assert_eq!(reset("1767225630"), Some(seconds(30)));
        assert_eq!(reset("1767225630.25"), Some(millis(30_250)));
        assert_eq!(reset("1767225630250"), Some(millis(30_250)));
        assert_eq!(reset("Thu, 01 Jan 2026 00:00:30 GMT"), Some(seconds(30)));
    }

    #[test]
    fn a_past_or_malformed_reset_is_ignored() {
        for text in ["1767225600", "1000000000", "100000000000000", "99999999999999999999", "-1", "soon", "", "6m0s"] {
            assert_eq!(reset(text), None, "{text}");
        }
    }

    #[test]
    fn a_unix_time_is_relative_to_the_date_of_the_response() {
        let mut headers = HeaderMap::new();
        headers.insert("x-rate-limit-remaining", "0".parse().unwrap());
        headers.insert("x-rate-limit-reset", "1767225630".parse().unwrap());
        headers.insert("date", "Thu, 01 Jan 2026 00:00:20 GMT".parse().unwrap());
        let an_hour_ahead = SystemTime::UNIX_EPOCH + Duration::from_secs(WALL + 3_600);
        let quota = read(&headers, an_hour_ahead).unwrap();
        assert_eq!(quota, Quota { remaining: Some(0), resets_in: Some(Duration::from_secs(10)) });
    }
}
