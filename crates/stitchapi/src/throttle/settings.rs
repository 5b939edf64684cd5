//! [`BucketSettings`]: what a [`Throttle`] declares, validated against the store and the runtime that it runs on.
//!
//! The planner and the concurrency limit read their numbers from it. The registry creates one for each declared throttle; all
//! buckets of that throttle share it.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::pace::Limit;
use stitchapi_core::{Runtime, Tick};

use super::context::ThrottleContext;
use super::counting;
use super::declaration::{Cost, Throttle, config_error};
use super::units::Units;
use crate::error::Result;
use crate::outage::OutagePolicy;
use crate::store::Client;
use crate::trace::EventKind;

/// Settings of a bucket.
#[derive(Debug)]
pub(super) struct BucketSettings {
    /// Limits in the order of their declaration.
    pub(super) limits: Vec<Limit>,
    /// Units that one call draws.
    pub(super) one_call: Units,
    /// Whether one call draws on any limit.
    pub(super) one_call_draws: bool,
    /// How late after its slot (its booked start time) a call may still start.
    pub(super) max_lateness: Duration,
    /// How long a new bucket waits before its first slot.
    pub(super) initial_delay: Duration,
    /// Upper bound of a hold (a pause of all starts) that a response requests.
    pub(super) max_hold: Duration,
    /// Upper bound of the wait of a call.
    pub(super) max_wait: Option<Duration>,
    /// Upper bound of the waiters of this process.
    pub(super) max_queue: Option<usize>,
    /// Upper bound of the calls that run at once.
    pub(super) concurrency: Option<u32>,
    /// Upper bound of the booked slots of this process that have not started: one second of the rate with the shortest
    /// period.
    pub(super) max_booked: usize,
    /// Upper bound of the calls of one reserve request.
    pub(super) max_calls_per_request: usize,
    /// Upper bound of the requests in flight. It is more than one, so that the next request can be sent while one is on its
    /// way.
    pub(super) max_requests: usize,
    pub(super) outage_policy: OutagePolicy,
    /// Declared number of processes that share the budget.
    pub(super) fleet_size: Option<u32>,
    /// Upper bound of an operation of the bucket on the store. On a store that can only count, one operation takes several
    /// round trips.
    pub(super) timeout: Duration,
}

/// Bounds of one call's wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaitBounds {
    /// End of the whole call.
    pub(crate) deadline: Tick,
    /// The call's own bound of the wait, if it has one.
    pub(crate) max_wait: Option<Duration>,
}

impl BucketSettings {
    /// Validates `throttle` against the store of the seam, or against the runtime if there is no store. Emits an event if the
    /// store can only count.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an invalid declaration, for a declaration that the store or the
    /// runtime cannot keep, and for a setter that has no effect there.
    pub(super) fn new(throttle: &Throttle, context: &ThrottleContext) -> Result<Self> {
        let (limits, max_lateness) = throttle.validate()?;
        let store = context.store.as_deref();
        match store {
            Some(store) => validate_on_store(throttle, &limits, store)?,
            None => validate_in_process(throttle, &*context.runtime)?,
        }
        if limits.is_empty() && throttle.max_queue.is_some() && !context.runtime.joins_callers() {
            return Err(config_error(
                "max_queue(..) has no effect on a concurrency limit on this runtime, where no call waits for another one: \
                 remove it",
            ));
        }
        let pacing = limits.iter().min_by_key(|limit| limit.id.period());
        let per_second =
            pacing.map_or(0, |limit| u128::from(limit.permits) * 1_000_000 / limit.id.period().as_micros().max(1));
        let is_volatile = store.is_some_and(|store| store.limits().volatile);
        let initial_delay = if is_volatile { Duration::from_millis(100) } else { Duration::ZERO };
        let one_call = Cost::default().units_on(&limits);
        let mut settings = Self {
            one_call_draws: one_call.iter().any(|units| *units > 0),
            one_call,
            max_lateness,
            initial_delay: throttle.initial_delay.unwrap_or(initial_delay),
            max_hold: throttle.max_hold.unwrap_or(Duration::from_secs(60)),
            max_wait: throttle.max_wait,
            max_queue: throttle.max_queue,
            concurrency: throttle.concurrency,
            max_booked: usize::try_from(per_second).unwrap_or(usize::MAX).max(1),
            max_calls_per_request: usize::MAX,
            max_requests: 2,
            outage_policy: throttle.outage_policy.unwrap_or_default(),
            fleet_size: throttle.fleet_size,
            timeout: store.map_or(Duration::ZERO, Client::timeout),
            limits,
        };
        if let Some(store) = store.filter(|store| !store.has_pacer() && !settings.limits.is_empty()) {
            settings.max_calls_per_request = 1;
            settings.max_requests = counting::USUAL_WINDOW_TICKETS.into();
            settings.timeout *= counting::TIMEOUT_FACTOR;
            context.trace.emit(EventKind::WeakerPromise { store: store.name() });
        }
        Ok(settings)
    }

    /// Returns `true` if `units` is a clone of [`one_call`](Self::one_call), the units of a call with the default cost. Equal
    /// numbers in another allocation do not count.
    pub(super) fn is_one_call(&self, units: &Units) -> bool {
        Arc::ptr_eq(units, &self.one_call)
    }

    /// Returns `true` if the limit at `index` has the shortest period.
    pub(super) fn paces(&self, index: usize) -> bool {
        let period = self.limits.get(index).map(|limit| limit.id.period());
        self.limits.iter().all(|limit| Some(limit.id.period()) >= period)
    }

    /// Returns the latest start that a call accepts if it arrives at `now`.
    pub(super) fn latest_start(&self, bounds: WaitBounds, now: Tick) -> Tick {
        let waits = [self.max_wait, bounds.max_wait].into_iter().flatten();
        waits.map(|wait| now + wait).fold(bounds.deadline, Tick::min)
    }
}

/// Checks that the store has the facets that the throttle needs. A rate needs a pacer or a counter, because without one a
/// process does not learn of the calls of other processes. A concurrency limit needs leases.
fn validate_on_store(throttle: &Throttle, limits: &[Limit], store: &Client) -> Result<()> {
    let (has_pacer, has_counter, has_leases) = (store.has_pacer(), store.has_counter(), store.has_leases());
    let store = store.name();
    if !limits.is_empty() && !has_pacer {
        if !has_counter {
            return Err(config_error(format_args!(
                "the {store} store has no pacer and no counter, so it cannot share a rate: combine it with a store that has \
                 one, SplitStore::new({store}, other), or give it a pacer with CellFacets"
            )));
        }
        counting::validate(store, limits)?;
        if throttle.initial_delay.is_some() {
            return Err(config_error(format_args!(
                "initial_delay(..) has no effect on the {store} store, which can only count: remove it, or combine the \
                 store with one that has a pacer, SplitStore::new({store}, other)"
            )));
        }
    }
    if throttle.concurrency.is_some() && !has_leases {
        return Err(config_error(format_args!(
            "the {store} store has no leases, so it cannot share a concurrency limit: combine it with a store that has them, \
             SplitStore::new({store}, other), or give it leases with CellFacets"
        )));
    }
    Ok(())
}

/// Checks that the runtime can keep a throttle without a store. Settings of an outage are accepted although they have no
/// effect, so that a program which attaches a store only in production declares its throttle once.
fn validate_in_process(throttle: &Throttle, runtime: &dyn Runtime) -> Result<()> {
    if throttle.concurrency.is_some() && !runtime.joins_callers() {
        return Err(config_error(
            "a concurrency limit needs a store with leases on this runtime, where no call waits for another one: add \
             .store(..) to the seam",
        ));
    }
    Ok(())
}
