//! [`Throttle`]: declaration of rates and of a concurrency limit, and its validation.
//!
//! The validation converts the numbers that an application declares into limits and a maximum lateness, or returns a
//! configuration error. `SeamBuilder::build` and `StitchBuilder::build` call it. Read on in `settings.rs`, which adds the
//! settings that depend on the store.

use std::fmt;
use std::time::Duration;

use stitchapi_core::pace::{Limit, LimitSpec, default_max_lateness, limits};

use super::rate::{Rate, RateError};
use super::scope::Scope;
use crate::error::{Error, Result};
use crate::outage::OutagePolicy;

/// Declaration of how fast calls may start and how many may run at once. A plain value;
/// [`SeamBuilder::build`](crate::SeamBuilder::build) and [`StitchBuilder::build`](crate::StitchBuilder::build) validate
/// it, and reject setters that have no effect.
///
/// * Starts are **evenly spaced**: at `10/s` one every 100 ms. A [`burst`](Self::burst) lets several calls start at once
///   after a pause, so that one period can contain up to `burst - 1` more calls.
/// * Several rates apply together: the one with the shortest period paces, longer ones are caps. Under constant load a
///   fleet can use about half of a cap in every period after the first, because half of its permits are reserved as a
///   burst. With `.burst(permits / 10)` after the cap it can use nine tenths.
/// * At most `permits + burst - 1` calls start in any half-open window of the shortest period, and at most its permits
///   in any window of a cap, whatever the number of processes. See [`pace`](stitchapi_core::pace) for the arithmetic.
/// * Callers of one process are served first come, first served; several [principals](crate::Seam::as_principal) take
///   turns. A call that is dropped while it waits leaves its turn to the next caller.
/// * A process books for all its waiting callers at once, at most one second ahead.
/// * With a [concurrency](Self::concurrency) limit a call acquires a concurrency permit before it waits for a slot, and
///   holds it until its response has been read.
///
/// # Stores that can only count
///
/// A store that has a [`Counter`](stitchapi_core::Counter) and no [`Pacer`](stitchapi_core::Pacer) shares a throttle
/// with a weaker promise. The event [`WeakerPromise`](crate::trace::EventKind::WeakerPromise) reports it when the
/// throttle is declared.
///
/// * The wall clocks of the processes order the starts. If those clocks differ by up to `D`, up to `1 + D / W` times
///   the permits start in a period `W`. If the clocks are far apart, each has a budget of its own. If the store loses
///   its counters, booked starts may happen a second time.
/// * Only one rate of calls without a burst and without [`initial_delay`](Self::initial_delay) is accepted; `build`
///   rejects anything else. Every call costs one; any other cost fails as [`Input`](crate::ErrorKind::Input). If a call
///   is settled at a higher cost, the difference is drawn after it; a lower cost is not refunded.
/// * A cooldown that the API requests holds only the process that received the response. Each process returns from an
///   outage on its own.
/// * A call takes at least one round trip to the store, and at most eight calls of a process book at the same time.
///   Therefore the latency of the store limits how many calls one process can start. An idle process needs a few round
///   trips to find a start time that has not passed.
/// * During a change of the rate the old and the new rate are two budgets.
///
/// ```
/// use stitchapi::{Rate, Throttle};
///
/// let throttle = Throttle::rate("10/s").burst(3).and_rate(Rate::per_hour(1_000));
/// # let _ = throttle;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttle {
    rates: Vec<(Result<Rate, RateError>, Option<u32>)>,
    /// Whether [`burst`](Self::burst) was called before any rate.
    has_stray_burst: bool,
    max_lateness: Option<Duration>,
    pub(in crate::throttle) initial_delay: Option<Duration>,
    pub(in crate::throttle) max_hold: Option<Duration>,
    pub(in crate::throttle) concurrency: Option<u32>,
    pub(in crate::throttle) max_wait: Option<Duration>,
    pub(in crate::throttle) max_queue: Option<usize>,
    pub(in crate::throttle) outage_policy: Option<OutagePolicy>,
    pub(in crate::throttle) fleet_size: Option<u32>,
    pub(in crate::throttle) scope: Option<Scope>,
    pub(in crate::throttle) per_principal: bool,
}

impl Throttle {
    /// Returns a throttle with this rate: a [`Rate`], or its text such as `"10/s"`.
    #[must_use]
    pub fn rate<R: TryInto<Rate, Error: Into<RateError>>>(rate: R) -> Self {
        Self::unlimited().and_rate(rate)
    }

    /// Returns a throttle that lets at most `calls` run at once and does not limit their rate: see
    /// [`and_concurrency`](Self::and_concurrency).
    #[must_use]
    pub fn concurrency(calls: u32) -> Self {
        Self::unlimited().and_concurrency(calls)
    }

    fn unlimited() -> Self {
        Self {
            rates: Vec::new(),
            has_stray_burst: false,
            max_lateness: None,
            initial_delay: None,
            max_hold: None,
            concurrency: None,
            max_wait: None,
            max_queue: None,
            outage_policy: None,
            fleet_size: None,
            scope: None,
            per_principal: false,
        }
    }

    /// Adds a rate. A call must satisfy all rates of the throttle.
    #[must_use]
    pub fn and_rate<R: TryInto<Rate, Error: Into<RateError>>>(mut self, rate: R) -> Self {
        self.rates.push((rate.try_into().map_err(Into::into), None));
        self
    }

    /// Lets at most `calls` run at once: in this process, or in the whole fleet if the seam has a store. A second
    /// number replaces the first.
    ///
    /// * A call acquires its concurrency permit before it waits for any slot, and holds it until its response has been
    ///   read or the attempt has failed; between two attempts it holds none. [`Seam::permit`](crate::Seam::permit)
    ///   acquires one, too.
    /// * On a store each concurrency permit is a lease of 10 s that is renewed while the call runs: the permits of a
    ///   process that dies are free after that time. The limit is exceeded in three cases only: a process was paused
    ///   for longer than a lease; an outage begins or ends, by up to one share of the permits per process; or the
    ///   [outage policy](Self::on_outage) admits calls.
    /// * Callers are served first come, first served, within a process and between processes; a process may pass a
    ///   permit on among its own callers for half a second before other processes get it.
    /// * During an outage of the store each process has its share of the permits, at least one.
    ///
    /// ```
    /// use stitchapi::Throttle;
    ///
    /// let throttle = Throttle::rate("10/s").and_concurrency(4);
    /// # let _ = throttle;
    /// ```
    #[must_use]
    pub fn and_concurrency(mut self, calls: u32) -> Self {
        self.concurrency = Some(calls);
        self
    }

    /// Sets how many calls may start at once after a pause, for the rate added last. The default is 1 for the shortest
    /// period and half the permits for longer ones. Without a rate before it, `build` fails.
    #[must_use]
    pub fn burst(mut self, permits: u32) -> Self {
        match self.rates.last_mut() {
            Some((_, burst)) => *burst = Some(permits),
            None => self.has_stray_burst = true,
        }
        self
    }

    /// Bounds how long a call waits for its slot. A call that would wait longer fails at once, with the time after
    /// which a slot is free. The default is the call's deadline.
    ///
    /// The same bound applies to the wait for a [concurrency](Self::and_concurrency) permit. It is not known in advance
    /// when such a permit is free, so the call waits for the whole bound before it fails.
    #[must_use]
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = Some(wait);
        self
    }

    /// Sets how late after its slot a call may still start; a later call takes another slot. At least 1 ms, at most the
    /// shortest period. The default is a two-hundredth of the shortest period, between 1 ms and 5 ms. The maximum
    /// lateness is added to the period, so a maximum lateness of 1/200 of the period reduces the rate by 1/201. Without
    /// a rate, `build` fails.
    #[must_use]
    pub fn max_lateness(mut self, max_lateness: Duration) -> Self {
        self.max_lateness = Some(max_lateness);
        self
    }

    /// Sets how long a new bucket waits before its first call may start. The default is 100 ms on a store that may lose its
    /// state, and zero on others. With zero on a store that may lose its state, calls that were booked before a loss (at
    /// most as many as the rate lets start in one second) may start in addition to those of the new bucket.
    ///
    /// `build` fails without a rate, and it also fails on a store that can only count.
    #[must_use]
    pub fn initial_delay(mut self, delay: Duration) -> Self {
        self.initial_delay = Some(delay);
        self
    }

    /// Sets the longest *hold*: the time without starts that follows a response which requests a cooldown. A longer one is
    /// cut to this. The default is 60 s; `Duration::ZERO` disables cooldowns. Without a rate, `build` fails.
    ///
    /// * The hold applies to the seam's throttle, or to the stitch's own if the seam has none. If the response reports the
    ///   budget of a route (Discord) or of a part of the API (GitHub), it applies to the stitch's own throttle.
    /// * A refusal (429, 503 with `Retry-After`, GitHub's 403) causes a hold for the time that it states. If it states no
    ///   time, the hold lasts one second at first. Each refusal that follows a hold doubles this time. Each successful
    ///   call halves it again, and so does each stretch of that time that passes without a refusal.
    /// * A response of any status that reports a spent budget causes a hold until the reported reset: `RateLimit` in
    ///   all its drafts, `X-RateLimit-*` and `X-Rate-Limit-*`, Shopify's and Discord's own headers.
    /// * A stated time counts from the response, and a stated date from the `Date` header of the response, so that a wrong
    ///   clock of this process changes nothing. Two responses that state the same time cause one hold.
    /// * [`EventKind::Held`](crate::trace::EventKind::Held) reports each hold, and its
    ///   [`HoldReason`](crate::trace::HoldReason) names the source.
    #[must_use]
    pub fn max_hold(mut self, longest: Duration) -> Self {
        self.max_hold = Some(longest);
        self
    }

    /// Sets how many callers of this process may wait at the same time; another one fails immediately. The default is no
    /// bound.
    #[must_use]
    pub fn max_queue(mut self, waiters: usize) -> Self {
        self.max_queue = Some(waiters);
        self
    }

    /// Sets what a process does while the store is unavailable. The default is [`OutagePolicy::Local`]. Without a store
    /// it has no effect.
    #[must_use]
    pub fn on_outage(mut self, policy: OutagePolicy) -> Self {
        self.outage_policy = Some(policy);
        self
    }

    /// Sets how many processes share the budget. During an outage of the store each process uses the budget divided by this
    /// number. The default is the number of processes that the store has counted ([`FleetSize`](crate::FleetSize)), or 8.
    /// Without a store it has no effect, because each process then has the whole budget.
    #[must_use]
    pub fn fleet_size(mut self, processes: u32) -> Self {
        self.fleet_size = Some(processes);
        self
    }

    /// Sets which calls share the budget. The default is all calls of the seam, or of the stitch.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Gives each [principal](crate::Seam::as_principal) a budget of its own. A call without a principal fails as
    /// [`ErrorKind::Input`](crate::ErrorKind::Input).
    #[must_use]
    pub fn per_principal(mut self) -> Self {
        self.per_principal = true;
        self
    }

    /// Returns `true` if the throttle has a rate.
    pub(crate) fn has_rate(&self) -> bool {
        !self.rates.is_empty()
    }

    /// Returns `true` if each stitch of the seam has a budget of its own.
    pub(crate) fn is_per_stitch(&self) -> bool {
        self.scope == Some(Scope::Stitch)
    }

    /// Validates the settings that do not depend on the store. Returns the limits and the maximum lateness.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an invalid rate, a zero, a maximum lateness out of range,
    /// and a setter that has no effect.
    pub(in crate::throttle) fn validate(&self) -> Result<(Vec<Limit>, Duration)> {
        let mut declared = Vec::with_capacity(self.rates.len());
        for (rate, burst) in &self.rates {
            let rate = rate.as_ref().map_err(config_error)?;
            declared.push(LimitSpec { id: rate.limit_id(), permits: rate.permits(), burst: *burst });
        }
        self.validate_counts()?;
        if self.has_stray_burst {
            return Err(config_error("burst(..) has no effect before a rate: call it after rate(..) or and_rate(..)"));
        }
        if declared.is_empty() && self.concurrency.is_some() {
            self.validate_without_rate()?;
            return Ok((Vec::new(), default_max_lateness(Duration::ZERO)));
        }
        let limits = limits(&declared).map_err(config_error)?;
        let shortest = declared.iter().map(|rate| rate.id.period()).min().unwrap_or_default();
        let max_lateness = self.max_lateness.unwrap_or_else(|| default_max_lateness(shortest));
        if max_lateness < Duration::from_millis(1) || max_lateness > shortest {
            return Err(config_error(format_args!(
                "max_lateness({max_lateness:?}) is out of range: it is at least 1 ms and at most the shortest \
                 period, {shortest:?}"
            )));
        }
        Ok((limits, max_lateness))
    }

    fn validate_counts(&self) -> Result<()> {
        let zero = [
            ("concurrency", self.concurrency == Some(0)),
            ("max_queue", self.max_queue == Some(0)),
            ("fleet_size", self.fleet_size == Some(0)),
        ];
        match zero.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((setter, _)) => Err(config_error(format_args!("{setter}(0) lets no call start: it is at least 1"))),
            None => Ok(()),
        }
    }

    /// Rejects setters that need a rate, because they shape slots (start times), which only a rate has.
    fn validate_without_rate(&self) -> Result<()> {
        let set = [
            ("max_lateness", self.max_lateness.is_some()),
            ("initial_delay", self.initial_delay.is_some()),
            ("max_hold", self.max_hold.is_some()),
        ];
        match set.into_iter().find(|(_, is_set)| *is_set) {
            Some((setter, _)) => Err(config_error(format_args!(
                "{setter}(..) has no effect without a rate: add rate(..) or and_rate(..), or remove it"
            ))),
            None => Ok(()),
        }
    }
}

/// Returns the error of an invalid throttle.
pub(in crate::throttle) fn config_error(what: impl fmt::Display) -> Error {
    Error::config(format!("throttle: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn ten() -> Throttle {
        Throttle::rate("10/s")
    }

    #[test]
    fn invalid_rates_and_lateness_bounds_are_rejected() {
        let error = Throttle::rate("10").validate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(error.to_string(), "throttle: rate has no `/`: write permits per period, such as 10/s");
        assert!(Throttle::rate(Rate::new(5, Duration::from_millis(99))).validate().is_err());
        assert!(Throttle::rate(Rate::per_second(0)).validate().is_err());
        assert!(ten().max_lateness(Duration::ZERO).validate().is_err());
        assert!(ten().max_lateness(Duration::from_secs(2)).validate().is_err());
        assert!(Throttle::rate(Rate::new(1, Duration::MAX)).validate().is_err());
    }

    #[test]
    fn a_burst_belongs_to_the_rate_before_it() {
        let (limits, max_lateness) = Throttle::rate("10/s").burst(3).and_rate("100/m").burst(10).validate().unwrap();
        assert_eq!((limits[0].permits, limits[0].burst), (10, 3));
        assert_eq!((limits[1].permits, limits[1].burst), (91, 10));
        assert_eq!(max_lateness, Duration::from_millis(5));
    }
}
