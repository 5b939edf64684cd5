//! What a throttle is declared as, and judged.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::pace::{Limit, LimitSpec, default_guard, limits};
use stitchapi_core::{Counter, Leases, Pacer, Runtime, StoreLimits};

use super::cost::Cost;
use super::rate::{Rate, RateError};
use super::scope::Scope;
use crate::outage::OutagePolicy;
use crate::throttle::bucket::Declared as DeclaredBucket;
use crate::throttle::settings::Settings;
use crate::throttle::windowed;
use crate::trace::{EventKind, Trace};
use crate::{Error, Result};

/// How fast the calls of a seam may start, and how many may be under way at once. A plain value;
/// [`SeamBuilder::build`](crate::SeamBuilder::build) judges it.
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
/// * With a [concurrency](Self::concurrency) a call takes a place before it waits for a slot, and has it until its answer
///   has been read.
///
/// # Stores that can only count
///
/// A store that has a [`Counter`] and no [`Pacer`] shares a throttle, too, with a weaker promise; an event says so when the
/// throttle is declared ([`WeakerPromise`](crate::trace::EventKind::WeakerPromise)).
///
/// * Starts are ordered by the workers' wall clocks. If those are apart by up to `D`, a period `W` holds up to `1 + D / W`
///   times its permits: with clocks that agree its permits, with wrong ones as many budgets as there are clocks. A store
///   that loses its counters lets what was booked start again.
/// * It is one rate of calls without a burst, anything else does not build; every call costs one, anything else is
///   [`Input`](crate::ErrorKind::Input). What a call has cost beyond that is drawn later, and nothing is given back.
/// * A pause that the API asks for holds the process that was asked, and no other. After an outage each process comes back
///   by itself. [`fresh_start`](Self::fresh_start) does nothing.
/// * A call takes one trip to the store or more, and eight are under way at once: far stores bound what one process can
///   start. An idle one takes a few to find a ticket whose time has not passed.
/// * During a change of the rate the old and the new one are two budgets.
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
    concurrency: Option<u32>,
    max_wait: Option<Duration>,
    max_queue: Option<usize>,
    guard: Option<Duration>,
    fresh_start: Option<Duration>,
    max_hold: Duration,
    policy: OutagePolicy,
    fleet_size: Option<u32>,
    pub(in crate::throttle) scope: Option<Scope>,
    pub(in crate::throttle) per_principal: bool,
}

/// The store that buckets lie in.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) pacer: Option<Arc<dyn Pacer>>,
    pub(crate) leases: Option<Arc<dyn Leases>>,
    /// Used where there is no pacer.
    pub(crate) counter: Option<Arc<dyn Counter>>,
    pub(crate) name: &'static str,
    pub(crate) limits: StoreLimits,
}

impl Place {
    /// A concurrency limit needs a store that lends.
    fn judge_lending(&self) -> Result<()> {
        if self.leases.is_some() {
            return Ok(());
        }
        let store = self.name;
        Err(Error::config(format!(
            "the {store} store cannot lend, so no concurrency limit can be shared on it: put one that can beside it \
             (SplitStore::new({store}, other)), or give it leases (CellFacets)"
        )))
    }

    /// A rate needs a store that paces or counts: in one that can do neither it would undercount in silence.
    fn judge_pacing(&self, limits: &[Limit]) -> Result<()> {
        match (&self.pacer, &self.counter) {
            (Some(_), _) => return Ok(()),
            (None, Some(_)) => return windowed::judge(self, limits),
            (None, None) => {}
        }
        let store = self.name;
        Err(Error::config(format!(
            "the {store} store can neither count nor pace, so no rate budget can be shared on it: put one that can beside it \
             (SplitStore::new({store}, other)), or give it a pacer (CellFacets)"
        )))
    }
}

impl Throttle {
    /// A budget of this rate: a [`Rate`], or its text such as `"10/s"`.
    #[must_use]
    pub fn rate<R: TryInto<Rate, Error: Into<RateError>>>(rate: R) -> Self {
        Self::unlimited().and_rate(rate)
    }

    /// So many calls at a time and any number a second: see [`and_concurrency`](Self::and_concurrency).
    #[must_use]
    pub fn concurrency(calls: u32) -> Self {
        Self::unlimited().and_concurrency(calls)
    }

    fn unlimited() -> Self {
        Self {
            rates: Vec::new(),
            concurrency: None,
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
    }

    /// Another rate that holds beside it.
    #[must_use]
    pub fn and_rate<R: TryInto<Rate, Error: Into<RateError>>>(mut self, rate: R) -> Self {
        self.rates.push((rate.try_into().map_err(Into::into), None));
        self
    }

    /// And at most so many calls under way at once, of the fleet if the seam has a store; said twice, the last one counts.
    ///
    /// * A call takes its place before it waits for any slot, and has it until its answer has been read or the attempt has
    ///   failed; while it waits to try again it has none. [`Seam::permit`](crate::Seam::permit) takes one, too.
    /// * On a store each place is a lease of 10 s that is renewed while the call runs, so that a process that dies frees its
    ///   places in that time. The limit is exceeded only by calls whose process was paused for longer, by up to a share
    ///   each around the beginning and the end of an outage, and by what the [policy](Self::on_outage) lets pass.
    /// * Callers are served in the order of asking, in a process and between processes; a process may pass a place on
    ///   among its own callers for half a second before others have it.
    /// * While the store is away each process has its share of the places, at least one.
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
    ///
    /// So long it waits for its place, too, if there is a [concurrency](Self::and_concurrency) limit; nobody knows when one
    /// will be free, so it is refused when that time is over.
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

    /// The longest that an answer of the API holds the fleet: what asks for more is cut to this. The default is 60 s;
    /// nothing means that no answer holds anybody.
    ///
    /// * Held is what the answer speaks of: the widest throttle that the call has passed, or its stitch's own where the budget
    ///   is said to be a route's (Discord) or a part's (GitHub).
    /// * A refusal (429, a 503 with `Retry-After`, GitHub's 403) holds for the time that it states. One that states none
    ///   holds for a second, and for twice as long with each that follows a hold; that halves with every such time of
    ///   quiet, and with every call that goes through.
    /// * An answer of any status that says that a budget is spent holds until it says that there is more: `RateLimit` in
    ///   all its drafts, `X-RateLimit-*` and `X-Rate-Limit-*`, Shopify's and Discord's own.
    /// * A time counts from its answer on: two answers with one time are one hold. Dates count from the answer's `Date`,
    ///   so a wrong clock of this process changes nothing.
    /// * [`EventKind::Held`](crate::trace::EventKind::Held) tells of each hold, and its
    ///   [`HoldReason`](crate::trace::HoldReason) what asked for it.
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

    /// How many processes share the budget: each paces at that share while the store is away. The default is what the
    /// store has counted ([`FleetSize`](crate::FleetSize)), or 8.
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
    pub(in crate::throttle) fn declare(
        &self,
        place: Option<Place>,
        runtime: Arc<dyn Runtime>,
        trace: Trace,
    ) -> Result<DeclaredBucket> {
        let (limits, guard) = self.judge()?;
        if let Some(place) = &place {
            if !limits.is_empty() {
                place.judge_pacing(&limits)?;
            }
            if self.concurrency.is_some() {
                place.judge_lending()?;
            }
        } else if self.concurrency.is_some() && !runtime.joins_callers() {
            return Err(Error::config(
                "the throttle: on this runtime no call waits for another one, so a concurrency limit needs a store that \
                 lends: .store(..)",
            ));
        }
        let shortest = limits.iter().min_by_key(|limit| limit.id.period());
        let a_second =
            shortest.map_or(0, |limit| u128::from(limit.permits) * 1_000_000 / limit.id.period().as_micros().max(1));
        let volatile = place.as_ref().is_some_and(|place| place.limits.volatile);
        let pause = if volatile { Duration::from_millis(100) } else { Duration::ZERO };
        let plain = Cost::default().on(&limits);
        let mut settings = Settings {
            plain_draws: plain.iter().any(|units| *units > 0),
            plain,
            guard,
            fresh_start: self.fresh_start.unwrap_or(pause),
            max_hold: self.max_hold,
            most_held: usize::try_from(a_second).unwrap_or(usize::MAX).max(1),
            most_asked: usize::MAX,
            at_once: 2,
            policy: self.policy,
            fleet_size: self.fleet_size,
            timeout: place.as_ref().map_or(Duration::ZERO, |place| place.limits.timeout),
            limits,
        };
        if let Some(Place { pacer: None, name: store, .. }) = place.as_ref().filter(|_| !settings.limits.is_empty()) {
            windowed::tune(&mut settings);
            trace.emit(EventKind::WeakerPromise { store });
        }
        let Self { max_wait, max_queue, concurrency, .. } = *self;
        Ok(DeclaredBucket { settings, max_wait, max_queue, concurrency, place, runtime, trace })
    }

    /// The limits and the guard, or what is wrong with them.
    pub(crate) fn judge(&self) -> Result<(Vec<Limit>, Duration)> {
        let wrong = |error: &dyn std::fmt::Display| Error::config(format!("the throttle: {error}"));
        let mut declared = Vec::with_capacity(self.rates.len());
        for (rate, burst) in &self.rates {
            let rate = rate.as_ref().map_err(|error| wrong(error))?;
            declared.push(LimitSpec { id: rate.limit_id(), permits: rate.permits(), burst: *burst });
        }
        if self.fleet_size == Some(0) || self.max_queue == Some(0) || self.concurrency == Some(0) {
            return Err(wrong(
                &"a fleet of no processes, a queue for nobody, or no call at a time, lets no call start",
            ));
        }
        if declared.is_empty() && self.concurrency.is_some() {
            return Ok((Vec::new(), default_guard(Duration::ZERO)));
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
