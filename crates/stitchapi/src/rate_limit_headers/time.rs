//! Parsers of the times in response headers.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

/// Returns the time from the response to `time`, or zero if `time` is before the response.
///
/// The time of the response is its own `Date`, so that a wrong local clock changes nothing, or `wall` if it has no
/// `Date`. A `Date` has no fraction of a second, so the result is up to one second too long, never too short.
pub(super) fn after_response(time: SystemTime, headers: &HeaderMap, wall: SystemTime) -> Duration {
    let date = headers.get(header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    time.duration_since(date.unwrap_or(wall)).unwrap_or_default()
}

/// Parses seconds, with or without a fraction, rounded up to the microsecond. A number that is too large becomes
/// [`Duration::MAX`].
pub(super) fn parse_seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let Ok(seconds) = whole.parse() else { return Some(Duration::MAX) };
    let micros =
        fraction.bytes().chain([b'0'; 6]).take(6).fold(0, |micros, digit| micros * 10 + u64::from(digit - b'0'));
    let is_truncated = fraction.bytes().skip(6).any(|digit| digit != b'0');
    Some(Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros + u64::from(is_truncated))))
}
