//! Limits: the rates that a user declares, and the numbers that a cell (the state of one bucket) keeps for them.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::micros_up;

/// Shortest period of a limit, 100 ms. The jitter of a scheduler would be a large part of a shorter period.
pub const SHORTEST_PERIOD: Duration = Duration::from_millis(100);

/// Longest period of a limit, 366 days.
const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 86_400);

/// Identity of a limit: the unit that it counts, and its period. Two limits with the same id are the same limit.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::pace::LimitId;
///
/// let tokens = LimitId::new("tokens", Duration::from_secs(60));
/// assert_eq!((tokens.unit(), tokens.period()), ("tokens", Duration::from_secs(60)));
/// assert_eq!(LimitId::calls(Duration::from_secs(1)).unit(), "calls");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LimitId {
    unit: Cow<'static, str>,
    period: Duration,
}

impl LimitId {
    /// Creates the id of a limit on units of this name. The period is rounded up to whole microseconds.
    #[must_use]
    pub fn new(unit: impl Into<Cow<'static, str>>, period: Duration) -> Self {
        Self { unit: unit.into(), period: Duration::from_micros(micros_up(period)) }
    }

    /// Creates the id of a limit on calls.
    #[must_use]
    pub fn calls(period: Duration) -> Self {
        Self::new("calls", period)
    }

    /// Returns the unit: `calls`, or the name given to [`new`](Self::new).
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Returns the period.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }
}

/// Limit as a cell keeps it: `permits` per period, with a `burst`.
///
/// For a cap, a limit with a longer period than the shortest, `permits` differs from the declared number: see
/// [`limits`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limit {
    /// Identity of the limit.
    pub id: LimitId,
    /// Permits per period under full load (`N`), at least 1.
    pub permits: u32,
    /// Number of permits that may start at once after a pause (`b`), at least 1.
    pub burst: u32,
}

/// Rate as a user declares it.
///
/// See [`limits`] for an example.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LimitSpec {
    /// Identity of the limit.
    pub id: LimitId,
    /// Units per period.
    pub permits: u32,
    /// Number of permits that may start at once; `None` for the default.
    pub burst: Option<u32>,
}

/// Computes the limits of a cell from declared rates.
///
/// * A rate with the shortest period **paces**: `N` is its permits, and `b` its burst, by default 1. Every window of
///   that period contains at most `N + b - 1` starts.
/// * A rate with a longer period is a **cap**: `b` is its burst, by default half of its permits, and
///   `N = permits - b + 1`, so that no window of that period contains more than `permits` starts. Under full load a cap
///   admits `N` permits in each period after the first: about half of its permits with the default burst, nine tenths
///   with a burst of a tenth.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::pace::{LimitId, LimitSpec, limits};
///
/// let spec = |permits, seconds| LimitSpec { id: LimitId::calls(Duration::from_secs(seconds)), permits, burst: None };
/// let limits = limits(&[spec(10, 1), spec(1000, 3600)])?;
/// assert_eq!((limits[0].permits, limits[0].burst), (10, 1));
/// assert_eq!((limits[1].permits, limits[1].burst), (501, 500));
/// # Ok::<(), stitchapi_core::pace::LimitError>(())
/// ```
///
/// # Errors
///
/// [`LimitError`] for no rate, a rate of zero permits, a burst of zero, a cap whose burst exceeds its permits, a period
/// below [`SHORTEST_PERIOD`] or above 366 days, and two rates with one id.
pub fn limits(declared: &[LimitSpec]) -> Result<Vec<Limit>, LimitError> {
    let shortest = declared.iter().map(|rate| rate.id.period()).min().ok_or(LimitError::NoRate)?;
    let mut limits: Vec<Limit> = Vec::with_capacity(declared.len());
    for LimitSpec { id, permits, burst } in declared {
        let is_cap = id.period() > shortest;
        if *permits == 0 {
            return Err(LimitError::ZeroPermits);
        }
        if *burst == Some(0) {
            return Err(LimitError::ZeroBurst);
        }
        if id.period() < SHORTEST_PERIOD {
            return Err(LimitError::ShortPeriod);
        }
        if id.period() > LONGEST_PERIOD {
            return Err(LimitError::LongPeriod);
        }
        if is_cap && burst.is_some_and(|burst| burst > *permits) {
            return Err(LimitError::BurstAboveCap);
        }
        if limits.iter().any(|limit| limit.id == *id) {
            return Err(LimitError::DuplicateRate);
        }
        let burst = burst.unwrap_or(if is_cap { (permits / 2).max(1) } else { 1 });
        let permits = if is_cap { permits - burst + 1 } else { *permits };
        limits.push(Limit { id: id.clone(), permits, burst });
    }
    Ok(limits)
}

/// Returns the default of the maximum lateness of a start, from the shortest period of the limits: a two-hundredth of
/// it, but at least 1 ms and at most 5 ms.
///
/// The maximum lateness is part of the spacing between starts. It therefore lowers the rate by about its share of the
/// period, for example by 0.5 % for a period of one second.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::pace::default_max_lateness;
///
/// assert_eq!(default_max_lateness(Duration::from_secs(1)), Duration::from_millis(5));
/// ```
#[must_use]
pub fn default_max_lateness(shortest: Duration) -> Duration {
    (shortest / 200).clamp(Duration::from_millis(1), Duration::from_millis(5))
}

/// Declared rates that [`limits`] refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitError {
    /// No rate is declared.
    NoRate,
    /// A rate has zero permits.
    ZeroPermits,
    /// A burst is zero.
    ZeroBurst,
    /// The burst of a cap exceeds its permits.
    BurstAboveCap,
    /// A period is below [`SHORTEST_PERIOD`].
    ShortPeriod,
    /// A period is above 366 days.
    LongPeriod,
    /// Two rates have the same unit and the same period.
    DuplicateRate,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRate => "no rate is declared; expected at least one",
            Self::ZeroPermits => "a rate has zero permits; expected at least one per period",
            Self::ZeroBurst => "a burst is zero; expected at least 1",
            Self::BurstAboveCap => "the burst of a longer period exceeds its permits; lower the burst",
            Self::ShortPeriod => "a period is shorter than 100 ms; declare the same rate over a longer period",
            Self::LongPeriod => "a period is longer than 366 days; declare the same rate over a shorter period",
            Self::DuplicateRate => "two rates have the same unit and the same period; declare one of them",
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
    fn each_invalid_rate_has_its_own_error() {
        assert_eq!(limits(&[]), Err(LimitError::NoRate));
        assert_eq!(limits(&[rate(0, 1, None)]), Err(LimitError::ZeroPermits));
        assert_eq!(limits(&[rate(1, 1, Some(0))]), Err(LimitError::ZeroBurst));
        assert_eq!(limits(&[rate(1, 1, None), rate(10, 60, Some(11))]), Err(LimitError::BurstAboveCap));
        assert_eq!(limits(&[rate(1, 1, None), rate(2, 1, None)]), Err(LimitError::DuplicateRate));
        let short = LimitSpec { id: LimitId::calls(Duration::from_millis(99)), permits: 1, burst: None };
        assert_eq!(limits(&[short]), Err(LimitError::ShortPeriod));
        assert_eq!(limits(&[rate(1, u64::MAX, None)]), Err(LimitError::LongPeriod));
    }

    #[test]
    fn the_default_max_lateness_is_a_two_hundredth_between_1_and_5_ms() {
        assert_eq!(default_max_lateness(Duration::from_millis(100)), Duration::from_millis(1));
        assert_eq!(default_max_lateness(Duration::from_millis(400)), Duration::from_millis(2));
        assert_eq!(default_max_lateness(Duration::from_secs(60)), Duration::from_millis(5));
    }
}
