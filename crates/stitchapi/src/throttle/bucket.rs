//! [`Bucket`]: one budget, as the callers of one process use it. It has a rate limit and, if declared, a concurrency
//! limit.
//!
//! It converts the cost of a call into units, and lets the call start. The seam and the pipeline get buckets from the
//! [registry](super::registry). Read on in `rate_limit.rs` and in `concurrency/`.

use std::borrow::Cow;
use std::sync::Arc;

use stitchapi_core::{Key, Tick};

use super::concurrency::ConcurrencyLimit;
use super::context::ThrottleContext;
use super::declaration::Cost;
use super::rate_limit::{RateLimit, Start};
use super::settings::{BucketSettings, WaitBounds};
use super::status::{BucketStatus, ConcurrencyStatus};
use super::units::Units;
use crate::error::{Error, Result};
use crate::rate_limit_headers::RateLimitSignal;
use crate::trace::Trace;

/// Budget that calls of one scope share.
#[derive(Debug)]
pub(crate) struct Bucket {
    settings: Arc<BucketSettings>,
    rate: Arc<RateLimit>,
    concurrency: Option<Arc<ConcurrencyLimit>>,
}

impl Bucket {
    /// Creates a bucket. `key` returns the key under which the store keeps the state of a limit: its argument is the kind of
    /// the limit. It returns `None` without a store.
    pub(super) fn new(
        context: &Arc<ThrottleContext>,
        settings: Arc<BucketSettings>,
        key: impl Fn(&'static str) -> Option<Key>,
    ) -> Arc<Self> {
        let rate = RateLimit::new(context.clone(), settings.clone(), key("pace"));
        let concurrency = settings
            .concurrency
            .map(|limit| ConcurrencyLimit::new(context.clone(), settings.clone(), limit, key("concurrency")));
        Arc::new(Self { settings, rate, concurrency })
    }

    /// Returns `true` if the bucket can be discarded and created again later: no call waits or runs, no hold is in force, and
    /// the budget is full.
    pub(super) fn is_idle(&mut self, now: Tick) -> bool {
        let mut limits = self.concurrency.iter_mut();
        limits.all(|limit| Arc::get_mut(limit).is_some_and(ConcurrencyLimit::is_idle))
            && Arc::get_mut(&mut self.rate).is_some_and(|rate| rate.is_idle(now))
    }

    /// Returns the event stream of the seam.
    pub(crate) fn trace(&self) -> &Trace {
        self.rate.trace()
    }

    /// Returns the concurrency limit, if one is declared.
    pub(crate) fn concurrency(&self) -> Option<&Arc<ConcurrencyLimit>> {
        self.concurrency.as_ref()
    }

    /// Returns the units that `cost` draws on the limits of this bucket; `None` if it draws on none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for a cost above the burst of a limit with a longer period, and on a store
    /// that can only count, for a cost of several calls or of other units.
    #[inline]
    pub(crate) fn units(&self, cost: &Cost) -> Result<Option<Cow<'_, Units>>> {
        if cost.is_one_call() {
            let BucketSettings { one_call, one_call_draws, .. } = &*self.settings;
            return Ok(one_call_draws.then_some(Cow::Borrowed(one_call)));
        }
        self.custom_units(cost)
    }

    fn custom_units(&self, cost: &Cost) -> Result<Option<Cow<'_, Units>>> {
        let limits = &self.settings.limits;
        let units = cost.units_on(limits);
        let caps = limits.iter().zip(&*units).enumerate().filter(|(index, _)| !self.settings.paces(*index));
        for (_, (limit, units)) in caps {
            if *units > limit.burst {
                return Err(Error::input(format!(
                    "cost of {units} {} exceeds the burst of {} that may start at once: reduce the cost, or raise the burst \
                     of the throttle",
                    limit.id.unit(),
                    limit.burst
                )));
            }
        }
        if units == self.settings.one_call {
            return Ok(Some(Cow::Borrowed(&self.settings.one_call)));
        }
        if units.iter().all(|units| *units == 0) {
            return Ok(None);
        }
        if self.rate.is_counting() {
            return Err(Error::input(
                "cost is not one call, which a store that can only count does not support: use a store with a pacer",
            ));
        }
        Ok(Some(Cow::Owned(units)))
    }

    /// Returns the units of one call.
    pub(crate) fn one_call(&self) -> &Units {
        &self.settings.one_call
    }

    /// Starts a call at once, if there is no store, no caller waits, and the budget allows a start now.
    #[inline]
    pub(crate) fn start_at_once(&self, units: &Units) -> Option<Start> {
        self.rate.start_at_once(units)
    }

    /// Starts a call [at once](Self::start_at_once) if possible, else [in turn](Self::start_in_turn).
    ///
    /// # Errors
    ///
    /// Those of [`start_in_turn`](Self::start_in_turn).
    pub(crate) async fn start(&self, units: &Units, flow: u64, bounds: WaitBounds, trace: &Trace) -> Result<Start> {
        match self.start_at_once(units) {
            Some(start) => Ok(start),
            None => self.start_in_turn(units, flow, bounds, trace).await,
        }
    }

    /// Waits for the start of a call that could not start [at once](Self::start_at_once), as [`RateLimit::start_in_turn`]
    /// describes.
    pub(crate) async fn start_in_turn(
        &self,
        units: &Units,
        flow: u64,
        bounds: WaitBounds,
        trace: &Trace,
    ) -> Result<Start> {
        self.rate.start_in_turn(units, flow, bounds, trace).await
    }

    /// Corrects the charge of a call to what it has cost.
    pub(crate) async fn settle(&self, charged: &Units, actual: &Cost) {
        self.rate.settle(charged, actual).await;
    }

    /// Applies the cooldown that a response requests. `started` is the start of its request.
    pub(crate) fn apply_cooldown(&self, signal: RateLimitSignal, started: Tick) {
        self.rate.apply_cooldown(signal, started);
    }

    /// Records by `signal` whether the API accepted the request that started at `started`. After an acceptance, the next
    /// refusal that states no time causes a shorter hold.
    pub(crate) fn record_acceptance(&self, signal: RateLimitSignal, started: Tick) {
        self.rate.record_acceptance(signal, started);
    }

    /// Refuses every caller that waits for a slot, because the seam was shut down.
    pub(super) fn shut_down(&self) {
        self.rate.shut_down();
    }

    /// Returns the status, after one request to the store unless the store is unavailable.
    pub(super) async fn status(&self, name: String) -> BucketStatus {
        let status = self.rate.status(name).await;
        let concurrency = self.concurrency.as_ref().map(|limit| ConcurrencyStatus {
            limit: limit.limit(),
            in_use: limit.in_use(),
            waiting: limit.waiting(),
        });
        BucketStatus { concurrency, ..status }
    }
}
