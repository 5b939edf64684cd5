//! From the rates that people declare to the limits that a cell knows.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::micros_up;

/// Periods below this cannot be paced: a scheduler's jitter would be a large part of them.
pub const SHORTEST_PERIOD: Duration = Duration::from_millis(100);

/// Periods above this are not counted on any clock for long enough.
const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 86_400);

/// What a limit counts and over what time: two limits with the same id are one limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LimitId {
    unit: Cow<'static, str>,
    period: Duration,
}

impl LimitId {
    /// Units of this name in a period. The period is rounded up to whole microseconds.
    #[must_use]
    pub fn new(unit: impl Into<Cow<'static, str>>, period: Duration) -> Self {
        Self { unit: unit.into(), period: Duration::from_micros(micros_up(period)) }
    }

    /// Calls in a period.
    #[must_use]
    pub fn calls(period: Duration) -> Self {
        Self::new("calls", period)
    }

    /// What it counts: `calls` unless said otherwise.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Over what time.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }
}

/// One limit as a cell knows it: `permits` a period with a `burst`.
///
/// For a cap `permits` is not the declared number: see [`limits`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limit {
    /// Which limit.
    pub id: LimitId,
    /// `N`: permits a period when saturated, at least 1.
    pub permits: u32,
    /// `b`: how many may start at once after a pause, at least 1.
    pub burst: u32,
}

/// One rate as somebody declares it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LimitSpec {
    /// Which limit.
    pub id: LimitId,
    /// How many units a period.
    pub permits: u32,
    /// How many may start at once, if that was said.
    pub burst: Option<u32>,
}

/// Turns declared rates into limits.
///
/// * The shortest period **paces**: `N = permits`, `b` = the burst or 1. Every window of it holds at most `N + b - 1`.
/// * Every longer period is a **cap**: `b` = the burst or half the permits, `N = permits - b + 1`, so that no window of it
///   holds more than `permits`. A fleet that saturates a cap gets `N`, about half of it, in every period after the
///   first; a burst of a tenth gives nine tenths, with a smaller first burst.
///
/// # Errors
///
/// [`LimitError`] for no rate at all, no permits, a burst of zero, a cap's burst above its permits, a period below
/// [`SHORTEST_PERIOD`] or above 366 days, and two rates of one id.
pub fn limits(declared: &[LimitSpec]) -> Result<Vec<Limit>, LimitError> {
    let shortest = declared.iter().map(|rate| rate.id.period()).min().ok_or(LimitError::None)?;
    let mut limits: Vec<Limit> = Vec::with_capacity(declared.len());
    for LimitSpec { id, permits, burst } in declared {
        let cap = id.period() > shortest;
        if *permits == 0 {
            return Err(LimitError::NoPermits);
        }
        if *burst == Some(0) {
            return Err(LimitError::NoBurst);
        }
        if id.period() < SHORTEST_PERIOD {
            return Err(LimitError::ShortPeriod);
        }
        if id.period() > LONGEST_PERIOD {
            return Err(LimitError::LongPeriod);
        }
        if cap && burst.is_some_and(|burst| burst > *permits) {
            return Err(LimitError::BurstAboveCap);
        }
        if limits.iter().any(|limit| limit.id == *id) {
            return Err(LimitError::Twice);
        }
        let burst = burst.unwrap_or(if cap { (permits / 2).max(1) } else { 1 });
        let permits = if cap { permits - burst + 1 } else { *permits };
        limits.push(Limit { id: id.clone(), permits, burst });
    }
    Ok(limits)
}

/// How late a start may be, unless said otherwise: a two-hundredth of the shortest period, between 1 ms and 5 ms.
///
/// It costs that share of the budget: 0.5 % of a rate per second.
#[must_use]
pub fn default_guard(shortest: Duration) -> Duration {
    (shortest / 200).clamp(Duration::from_millis(1), Duration::from_millis(5))
}

/// Rates that cannot be limits together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitError {
    /// There is no rate.
    None,
    /// A rate has no permits.
    NoPermits,
    /// A burst is zero.
    NoBurst,
    /// A cap's burst is larger than its permits.
    BurstAboveCap,
    /// A period is below [`SHORTEST_PERIOD`].
    ShortPeriod,
    /// A period is above 366 days.
    LongPeriod,
    /// Two rates have one unit and one period.
    Twice,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "a throttle needs a rate",
            Self::NoPermits => "a rate needs at least one permit a period",
            Self::NoBurst => "a burst is at least 1",
            Self::BurstAboveCap => "the burst of a longer period cannot exceed its permits",
            Self::ShortPeriod => "a period cannot be shorter than 100 ms",
            Self::LongPeriod => "a period cannot be longer than 366 days",
            Self::Twice => "two rates have the same unit and the same period",
        })
    }
}

impl Error for LimitError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(permits: u32, seconds: u64, burst: Option<u32>) -> LimitSpec {
        LimitSpec { id: LimitId::calls(Duration::from_secs(seconds)), permits, burst }
    }

    #[test]
    fn the_shortest_period_paces_and_the_others_are_caps() {
        let limits = limits(&[rate(1000, 3600, None), rate(10, 1, None), rate(100, 60, Some(10))]).unwrap();
        let numbers: Vec<_> = limits.iter().map(|limit| (limit.permits, limit.burst)).collect();
        assert_eq!(numbers, [(501, 500), (10, 1), (91, 10)]);
    }

    #[test]
    fn impossible_rates_are_named() {
        assert_eq!(limits(&[]), Err(LimitError::None));
        assert_eq!(limits(&[rate(0, 1, None)]), Err(LimitError::NoPermits));
        assert_eq!(limits(&[rate(1, 1, Some(0))]), Err(LimitError::NoBurst));
        assert_eq!(limits(&[rate(1, 1, None), rate(10, 60, Some(11))]), Err(LimitError::BurstAboveCap));
        assert_eq!(limits(&[rate(1, 1, None), rate(2, 1, None)]), Err(LimitError::Twice));
        let short = LimitSpec { id: LimitId::calls(Duration::from_millis(99)), permits: 1, burst: None };
        assert_eq!(limits(&[short]), Err(LimitError::ShortPeriod));
        assert_eq!(limits(&[rate(1, u64::MAX, None)]), Err(LimitError::LongPeriod));
    }

    #[test]
    fn the_guard_is_a_two_hundredth_within_bounds() {
        assert_eq!(default_guard(Duration::from_millis(100)), Duration::from_millis(1));
        assert_eq!(default_guard(Duration::from_millis(400)), Duration::from_millis(2));
        assert_eq!(default_guard(Duration::from_secs(60)), Duration::from_millis(5));
    }
}
