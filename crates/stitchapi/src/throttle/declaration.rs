//! What a throttle is declared as, and judged.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::pace::{Declared, Limit, default_guard, limits};
use stitchapi_core::{Pacer, Runtime, StoreLimits};

use super::bucket::Declared as DeclaredBucket;
use super::cost::Cost;
use super::outage::OutagePolicy;
use super::rate::{Rate, RateError};
use super::scope::Scope;
use super::settings::Settings;
use crate::trace::Trace;
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
/// * Callers of one process are served in the order of asking, those of several [principals](crate::Seam::as_principal)
///   in turn. A call that is dropped while it waits passes its place on.
/// * What a process waits for it books for all its callers at once, at most a second ahead.
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
    max_wait: Option<Duration>,
    max_queue: Option<usize>,
    guard: Option<Duration>,
    fresh_start: Option<Duration>,
    max_hold: Duration,
    policy: OutagePolicy,
    fleet_size: Option<u32>,
    pub(super) scope: Option<Scope>,
    pub(super) per_principal: bool,
}

/// The store that buckets lie in.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) pacer: Option<Arc<dyn Pacer>>,
    /// Whether it has a counter.
    pub(crate) counts: bool,
    pub(crate) name: &'static str,
    pub(crate) limits: StoreLimits,
}

impl Place {
    /// A throttle needs a store that paces. One that cannot even count would undercount in silence.
    fn judge(&self) -> Result<()> {
        if self.pacer.is_some() {
            return Ok(());
        }
        let can = if self.counts { "count but not pace" } else { "neither count nor pace" };
        let store = self.name;
        Err(Error::config(format!(
            "the {store} store can {can}, so no rate budget can be shared on it: put one that can beside it \
             (SplitStore::new({store}, other)), or give it a pacer (CellFacets)"
        )))
    }
}

impl Throttle {
    /// A budget of this rate: a [`Rate`], or its text such as `"10/s"`.
    #[must_use]
    pub fn rate<R: TryInto<Rate, Error: Into<RateError>>>(rate: R) -> Self {
        Self {
            rates: Vec::new(),
            max_wait: None,
            max_queue: None,
            guard: None,
            fresh_start: None,
            max_hold: Duration::from_secs(60),
            policy: OutagePolicy::default(),
            fleet_size: None,
            scope: None,
            per_principal: false,
        }
        .and_rate(rate)
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

    /// The longest that an answer of the API holds the fleet: what asks for more is cut to this. The default is 60 s.
    #[must_use]
    pub fn max_hold(mut self, longest: Duration) -> Self {
        self.max_hold = longest;
        self
    }

    /// How many calls of this process may wait at once; one more is refused at once. The default is any number.
    #[must_use]
    pub fn max_queue(mut self, waiters: usize) -> Self {
        self.max_queue = Some(waiters);
        self
    }

    /// How to go on when the store fails. The default is [`OutagePolicy::Local`].
    #[must_use]
    pub fn on_outage(mut self, policy: OutagePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How many processes share the budget: each paces at that share while the store is away. The default is 8.
    #[must_use]
    pub fn fleet_size(mut self, processes: u32) -> Self {
        self.fleet_size = Some(processes);
        self
    }

    /// What shares this budget. The default is all calls of the seam, or of the stitch.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Each [principal](crate::Seam::as_principal) has a budget of its own; a call that is nobody's fails as
    /// [`ErrorKind::Input`](crate::ErrorKind::Input).
    #[must_use]
    pub fn per_principal(mut self) -> Self {
        self.per_principal = true;
        self
    }

    /// Whether each stitch of the seam has a budget of its own.
    pub(crate) fn is_each_stitchs(&self) -> bool {
        self.scope == Some(Scope::Stitch)
    }

    /// What its buckets have in common, in a store or in this process alone.
    pub(super) fn declare(
        &self,
        place: Option<Place>,
        runtime: Arc<dyn Runtime>,
        trace: Trace,
    ) -> Result<DeclaredBucket> {
        let (limits, guard) = self.judge()?;
        if let Some(place) = &place {
            place.judge()?;
        }
        let shortest = limits.iter().min_by_key(|limit| limit.id.period());
        let a_second =
            shortest.map_or(0, |limit| u128::from(limit.permits) * 1_000_000 / limit.id.period().as_micros().max(1));
        let volatile = place.as_ref().is_some_and(|place| place.limits.volatile);
        let pause = if volatile { Duration::from_millis(100) } else { Duration::ZERO };
        let settings = Settings {
            plain: Cost::default().on(&limits),
            guard,
            fresh_start: self.fresh_start.unwrap_or(pause),
            max_hold: self.max_hold,
            most_held: usize::try_from(a_second).unwrap_or(usize::MAX).max(1),
            policy: self.policy,
            fleet_size: self.fleet_size,
            timeout: place.as_ref().map_or(Duration::ZERO, |place| place.limits.timeout),
            limits,
        };
        let (max_wait, max_queue) = (self.max_wait, self.max_queue);
        Ok(DeclaredBucket { settings, max_wait, max_queue, place, runtime, trace })
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
        if self.fleet_size == Some(0) || self.max_queue == Some(0) {
            return Err(wrong(&"a fleet of no processes, or a queue for nobody, lets no call start"));
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
