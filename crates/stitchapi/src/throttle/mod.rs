//! One rate budget for all calls of a seam, and for a whole fleet if the seam's store is shared.

mod bucket;
mod clock;
mod rate;
mod trips;

use std::time::Duration;

use stitchapi_core::pace::{Declared, Limit, default_guard, limits};

pub(crate) use bucket::{Bucket, Wait};
pub use rate::{Rate, RateError};

use crate::{Error, Result};

/// How fast the calls of a seam may start. A plain value; [`SeamBuilder::build`](crate::SeamBuilder::build) judges it.
///
/// * Starts are **evenly spaced**: at `10/s` one every 100 ms. [`burst`](Self::burst) lets some start at once after a
///   pause, at the price of that many more in one period.
/// * Several rates hold together: the shortest period paces, longer ones are caps. A fleet that saturates a cap gets
///   about half of it in every period after the first; `.burst(permits / 10)` behind the cap gives nine tenths with a
///   smaller first burst.
/// * In any half-open window of a period at most `permits + burst - 1` calls start (of a cap: at most its permits),
///   whatever the number of processes. See [`pace`](stitchapi_core::pace) for the promise and its arithmetic.
/// * Each call books one slot. A call that is dropped while it waits loses its slot: the fleet starts one call less.
///
/// ```
/// use stitchapi::{Rate, Throttle};
///
/// let throttle = Throttle::rate("10/s").burst(3).and_rate(Rate::per_hour(1_000));
/// # let _ = throttle;
/// ```
#[derive(Debug, Clone)]
pub struct Throttle {
    rates: Vec<(Result<Rate, RateError>, Option<u32>)>,
    max_wait: Option<Duration>,
    guard: Option<Duration>,
    fresh_start: Option<Duration>,
}

impl Throttle {
    /// A budget of this rate: a [`Rate`], or its text such as `"10/s"`.
    #[must_use]
    pub fn rate<R: TryInto<Rate, Error: Into<RateError>>>(rate: R) -> Self {
        Self { rates: Vec::new(), max_wait: None, guard: None, fresh_start: None }.and_rate(rate)
    }

    /// Another rate that holds beside it.
    #[must_use]
    pub fn and_rate<R: TryInto<Rate, Error: Into<RateError>>>(mut self, rate: R) -> Self {
        self.rates.push((rate.try_into().map_err(Into::into), None));
        self
    }

    /// How many may start at once after a pause, for the rate named just before. The default is 1 for the shortest period
    /// and half the permits for the longer ones.
    #[must_use]
    pub fn burst(mut self, permits: u32) -> Self {
        if let Some((_, burst)) = self.rates.last_mut() {
            *burst = Some(permits);
        }
        self
    }

    /// The longest a call waits for its slot. One that would wait longer is refused at once, with the time after which
    /// it would not be. The default is the call's deadline.
    #[must_use]
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = Some(wait);
        self
    }

    /// How late after its slot a call may still start; a later one takes another slot. The default is a two-hundredth of
    /// the shortest period, between 1 ms and 5 ms, and costs that share of the budget. At least 1 ms, at most that period.
    #[must_use]
    pub fn guard(mut self, guard: Duration) -> Self {
        self.guard = Some(guard);
        self
    }

    /// How long a new bucket waits before its first slot. The default is 100 ms on a store that may lose what it was told
    /// and nothing on others. With nothing on a volatile store, a loss can let one second's bookings start twice.
    #[must_use]
    pub fn fresh_start(mut self, pause: Duration) -> Self {
        self.fresh_start = Some(pause);
        self
    }

    /// The limits and the guard, or what is wrong with them.
    pub(crate) fn judge(&self) -> Result<(Vec<Limit>, Duration)> {
        let wrong = |error: &dyn std::fmt::Display| Error::config(format!("the throttle: {error}"));
        let mut declared = Vec::with_capacity(self.rates.len());
        for (rate, burst) in &self.rates {
            let rate = rate.as_ref().map_err(|error| wrong(error))?;
            declared.push(Declared { id: rate.limit_id(), permits: rate.permits(), burst: *burst });
        }
        let limits = limits(&declared).map_err(|error| wrong(&error))?;
        let shortest = declared.iter().map(|rate| rate.id.period()).min().unwrap_or_default();
        let guard = self.guard.unwrap_or_else(|| default_guard(shortest));
        if guard < Duration::from_millis(1) || guard > shortest {
            return Err(wrong(&"a guard is at least 1 ms and at most the shortest period"));
        }
        Ok((limits, guard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn ten() -> Throttle {
        Throttle::rate("10/s")
    }

    #[test]
    fn a_wrong_rate_is_judged_when_the_seam_is_built() {
        let error = Throttle::rate("10").judge().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(error.to_string(), "the throttle: a rate says how many in what time, such as 10/s");
        assert!(Throttle::rate(Rate::new(5, Duration::from_millis(99))).judge().is_err());
        assert!(Throttle::rate(Rate::per_second(0)).judge().is_err());
        assert!(ten().guard(Duration::ZERO).judge().is_err());
        assert!(ten().guard(Duration::from_secs(2)).judge().is_err());
        assert!(Throttle::rate(Rate::new(1, Duration::MAX)).judge().is_err());
    }

    #[test]
    fn a_burst_belongs_to_the_rate_before_it() {
        let (limits, guard) = Throttle::rate("10/s").burst(3).and_rate("100/m").burst(10).judge().unwrap();
        assert_eq!((limits[0].permits, limits[0].burst), (10, 3));
        assert_eq!((limits[1].permits, limits[1].burst), (91, 10));
        assert_eq!(guard, Duration::from_millis(5));
    }
}
