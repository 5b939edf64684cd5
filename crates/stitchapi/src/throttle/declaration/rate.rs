//! [`Rate`]: permits per period, from constructors or from text such as `10/s`.

use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use stitchapi_core::pace::LimitId;

use super::cost::CALLS;

/// Number of permits per period: `Rate::per_second(10)`, or `"10/s"`.
///
/// Grammar of the text: a whole number, `/`, and a period. A period is a unit (`ms`, `s`, `m`, `h`, `d`, or `second`,
/// `minute`, `hour`, `day`), after a whole number if it lasts several units: `10/s`, `1000/h`, `20000/day`, `5/250ms`.
///
/// ```
/// use stitchapi::Rate;
///
/// assert_eq!("10/s".parse(), Ok(Rate::per_second(10)));
/// let tokens = Rate::per_minute(200_000).of("tokens");
/// assert_eq!(tokens.permits(), 200_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rate {
    permits: u32,
    period: Duration,
    unit: Cow<'static, str>,
}

impl Rate {
    /// Returns a rate of `permits` calls per `period`. Building the seam fails if `permits` is 0 or `period` is below
    /// 100 ms.
    #[must_use]
    pub const fn new(permits: u32, period: Duration) -> Self {
        Self { permits, period, unit: Cow::Borrowed(CALLS) }
    }

    /// Returns a rate of `permits` calls per second.
    #[must_use]
    pub const fn per_second(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(1))
    }

    /// Returns a rate of `permits` calls per minute.
    #[must_use]
    pub const fn per_minute(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(60))
    }

    /// Returns a rate of `permits` calls per hour.
    #[must_use]
    pub const fn per_hour(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(3_600))
    }

    /// Returns a rate of `permits` calls per day. A day is any 24 hours.
    #[must_use]
    pub const fn per_day(permits: u32) -> Self {
        Self::new(permits, Duration::from_secs(86_400))
    }

    /// Counts `unit` instead of calls. The [`Cost`](crate::Cost) of a call states how many of these units the call
    /// draws.
    ///
    /// ```
    /// use stitchapi::Rate;
    ///
    /// let tokens = Rate::per_minute(200_000).of("tokens");
    /// // The unit may come from configuration.
    /// let configured = Rate::per_hour(500).of(String::from("pages"));
    /// # let _ = (tokens, configured);
    /// ```
    #[must_use]
    pub fn of(self, unit: impl Into<Cow<'static, str>>) -> Self {
        Self { unit: unit.into(), ..self }
    }

    /// Returns the number of permits per period.
    #[must_use]
    pub const fn permits(&self) -> u32 {
        self.permits
    }

    /// Returns the period.
    #[must_use]
    pub const fn period(&self) -> Duration {
        self.period
    }

    pub(super) fn limit_id(&self) -> LimitId {
        LimitId::new(self.unit.clone(), self.period)
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

/// Error of a text that is not a [`Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateError {
    /// The text has no `/`.
    NoPeriod,
    /// The part before the `/` is not a whole number.
    Number,
    /// A number is above 4,294,967,295.
    TooLarge,
    /// The unit of time is unknown.
    Unit,
    /// The permits or the period are zero.
    Zero,
}

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPeriod => "rate has no `/`: write permits per period, such as 10/s",
            Self::Number => "rate is not a whole number of permits per period: write it such as 10/s or 5/250ms",
            Self::TooLarge => "rate has a number above 4294967295: write a smaller one",
            Self::Unit => "rate has an unknown unit of time: write ms, s, m, h or d, such as 10/s or 5/250ms",
            Self::Zero => "rate has no permits or no period: both are at least 1, such as 10/s",
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
    fn text_and_constructors_give_the_same_rate() {
        let read = |text: &str| text.parse::<Rate>();
        assert_eq!(read("10/s"), Ok(Rate::per_second(10)));
        assert_eq!(read("20000/day"), Ok(Rate::per_day(20_000)));
        assert_eq!(read("5/250ms"), Ok(Rate::new(5, Duration::from_millis(250))));
        assert_eq!(read("1000/2h"), Ok(Rate::new(1_000, Duration::from_secs(7_200))));
        assert_eq!(serde_json::from_str::<Rate>("\"10/s\"").unwrap(), Rate::per_second(10));
    }

    #[test]
    fn each_malformed_text_has_its_error() {
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
