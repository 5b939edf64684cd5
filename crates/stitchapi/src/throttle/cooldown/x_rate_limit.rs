//! `X-RateLimit-Remaining` and `X-RateLimit-Reset`, and the spelling `X-Rate-Limit-*`: a habit, and no standard.
//!
//! What the reset counts is told by its magnitude:
//!
//! | value | is |
//! | --- | --- |
//! | below 10^9 | seconds from the answer on |
//! | from 10^9, the year 2001, below 10^11 | a Unix time in seconds (GitHub, X, Discord) |
//! | from 10^11, below 10^14 | a Unix time in milliseconds |
//! | a date (RFC 9110, 5.6.7) | that |
//! | anything else | nothing |
//!
//! A Unix time counts from the answer's own `Date`.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use super::budget::{Budget, count, field};
use crate::rate_limit_headers::{read_seconds, since_the_answer};

const A_TIME: Duration = Duration::from_secs(1_000_000_000);
const IN_MILLIS: Duration = Duration::from_secs(100_000_000_000);
const TOO_LARGE: Duration = Duration::from_secs(100_000_000_000_000);

pub(super) fn read(headers: &HeaderMap, wall: SystemTime) -> Option<Budget> {
    let either = |one, other| field(headers, one).or_else(|| field(headers, other));
    let left = either("x-ratelimit-remaining", "x-rate-limit-remaining").and_then(count);
    let reset = either("x-ratelimit-reset", "x-rate-limit-reset");
    let resets_in = reset.and_then(|reset| resets_in(reset, headers, wall));
    (left.is_some() || resets_in.is_some()).then_some(Budget { left, resets_in })
}

fn resets_in(text: &str, headers: &HeaderMap, wall: SystemTime) -> Option<Duration> {
    let Some(value) = read_seconds(text) else {
        return httpdate::parse_http_date(text).ok().map(|date| since_the_answer(date, headers, wall));
    };
    if value < A_TIME {
        return Some(value);
    }
    let since_1970 = if value < IN_MILLIS { value } else { value / 1_000 };
    let time = SystemTime::UNIX_EPOCH.checked_add(since_1970).filter(|_| value < TOO_LARGE)?;
    Some(since_the_answer(time, headers, wall))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Sun, 06 Nov 1994 08:49:37 GMT` has no ten digits; this is 2026.
    const WALL: u64 = 1_767_225_600;

    fn reset(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-remaining", "0".parse().unwrap());
        headers.insert("x-ratelimit-reset", text.parse().unwrap());
        read(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(WALL))?.spent_for(false)
    }

    #[test]
    fn the_magnitude_tells_seconds_from_a_time_in_seconds_or_milliseconds() {
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
    fn a_time_that_has_passed_or_cannot_be_read_says_nothing() {
        for odd in ["1767225600", "1000000000", "100000000000000", "99999999999999999999", "-1", "soon", "", "6m0s"] {
            assert_eq!(reset(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_time_counts_from_the_date_of_the_answer_not_from_our_clock() {
        let mut headers = HeaderMap::new();
        headers.insert("x-rate-limit-remaining", "0".parse().unwrap());
        headers.insert("x-rate-limit-reset", "1767225630".parse().unwrap());
        headers.insert("date", "Thu, 01 Jan 2026 00:00:20 GMT".parse().unwrap());
        let an_hour_ahead = SystemTime::UNIX_EPOCH + Duration::from_secs(WALL + 3_600);
        let budget = read(&headers, an_hour_ahead).unwrap();
        assert_eq!(budget, Budget { left: Some(0), resets_in: Some(Duration::from_secs(10)) });
    }
}
