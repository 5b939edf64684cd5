//! How many calls in how much time.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use stitchapi_core::pace::LimitId;

/// So many permits a period: `Rate::per_second(10)`, or `"10/s"`.
///
/// As text: a whole number, `/`, and a period, which is a unit (`ms`, `s`, `m`, `h`, `d`, or `second`, `minute`, `hour`,
/// `day`) with a whole number before it if it is not one: `10/s`, `1000/h`, `20000/day`, `5/250ms`.
///
/// ```
/// use stitchapi::Rate;
///
/// assert_eq!("10/s".parse(), Ok(Rate::per_second(10)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    permits: u32,
    period: Duration,
    unit: &'static str,
}

impl Rate {
    /// `permits` calls a period. Judged when the seam is built: at least one permit, a period of at least 100 ms.
    #[must_use]
    pub const fn new(permits: u32, period: Duration) -> Self {
        Self { permits, period, unit: super::cost::CALLS }
    }

    /// So many calls a second.
    #[must_use]
    pub const fn per_second(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(1))
    }

    /// So many calls a minute.
    #[must_use]
    pub const fn per_minute(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(60))
    }

    /// So many calls an hour.
    #[must_use]
    pub const fn per_hour(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(3_600))
    }

    /// So many calls a day, which here is any 24 hours.
    #[must_use]
    pub const fn per_day(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(86_400))
    }

    /// Counts another unit than calls, which a [`Cost`](crate::Cost) names: `Rate::per_minute(200_000).of("tokens")`.
    #[must_use]
    pub const fn of(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// How many permits a period.
    #[must_use]
    pub const fn permits(&self) -> u32 {
        self.permits
    }

    /// The period.
    #[must_use]
    pub const fn period(&self) -> Duration {
        self.period
    }

    pub(in crate::throttle) fn limit_id(&self) -> LimitId {
        LimitId::new(self.unit, self.period)
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (permits, period) = text.split_once('/').ok_or(RateError::NoPeriod)?;
        let permits: u32 = number(permits)?;
        let unit = period.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let times: u32 = match &period[..period.len() - unit.len()] {
            "" => 1,
            times => number(times)?,
        };
        let one = match unit {
            "ms" => Duration::from_millis(1),
            "s" | "sec" | "second" => Duration::from_secs(1),
            "m" | "min" | "minute" => Duration::from_secs(60),
            "h" | "hour" => Duration::from_secs(3_600),
            "d" | "day" => Duration::from_secs(86_400),
            _ => return Err(RateError::Unit),
        };
        if permits == 0 || times == 0 {
            return Err(RateError::Zero);
        }
        Ok(Self::new(permits, one * times))
    }
}

fn number(digits: &str) -> Result<u32, RateError> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(RateError::Number);
    }
    digits.parse().map_err(|_| RateError::TooLarge)
}

impl TryFrom<&str> for Rate {
    type Error = RateError;
    fn try_from(text: &str) -> Result<Self, RateError> {
        text.parse()
    }
}

impl TryFrom<String> for Rate {
    type Error = RateError;
    fn try_from(text: String) -> Result<Self, RateError> {
        text.parse()
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A text that is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateError {
    /// There is no `/`.
    NoPeriod,
    /// The part before the `/`, or before the unit, is not a whole number.
    Number,
    /// A number above 4,294,967,295.
    TooLarge,
    /// The unit of time is not known.
    Unit,
    /// No permits, or a period of nothing.
    Zero,
}

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPeriod => "a rate says how many in what time, such as 10/s",
            Self::Number => "a rate starts with a whole number, such as 10/s",
            Self::TooLarge => "the number is too large for a rate",
            Self::Unit => "a rate's period is one of ms, s, m, h, d, such as 10/s or 5/250ms",
            Self::Zero => "a rate of nothing, or over no time, lets nobody start",
        })
    }
}

impl Error for RateError {}

impl From<Infallible> for RateError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_says_the_same_as_the_constructors() {
        let read = |text: &str| text.parse::<Rate>();
        assert_eq!(read("10/s"), Ok(Rate::per_second(10)));
        assert_eq!(read("20000/day"), Ok(Rate::per_day(20_000)));
        assert_eq!(read("5/250ms"), Ok(Rate::new(5, Duration::from_millis(250))));
        assert_eq!(read("1000/2h"), Ok(Rate::new(1_000, Duration::from_secs(7_200))));
        assert_eq!(serde_json::from_str::<Rate>("\"10/s\"").unwrap(), Rate::per_second(10));
    }

    #[test]
    fn malformed_rates_are_refused_by_name() {
        for (text, error) in [
            ("10", RateError::NoPeriod),
            ("", RateError::NoPeriod),
            ("0/s", RateError::Zero),
            ("10/0s", RateError::Zero),
            ("-1/s", RateError::Number),
            ("+1/s", RateError::Number),
            ("1.5/s", RateError::Number),
            ("/s", RateError::Number),
            ("10/", RateError::Unit),
            ("10/5", RateError::Unit),
            ("10/fortnight", RateError::Unit),
            ("10/s/s", RateError::Unit),
            ("18446744073709551616/s", RateError::TooLarge),
            ("10/18446744073709551616s", RateError::TooLarge),
        ] {
            assert_eq!(text.parse::<Rate>(), Err(error), "{text}");
        }
    }
}
