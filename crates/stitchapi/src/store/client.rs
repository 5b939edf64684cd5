//! The client through which the library uses the store of a seam.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::pace::{Booking, LimitId, Reservation, ReserveRequest};
use stitchapi_core::{
    Counter, Key, Lease, Leases, Owner, Pacer, Runtime, StitchStore, StoreError, StoreErrorKind, StoreLimits,
    StoreTime, Version, Versioned,
};

use super::fit_key::fit_key;
use crate::runtime::{TimeUp, within};
use crate::trace::{EventKind, Trace};

/// Client of a [`StitchStore`] and its facets (its optional abilities, such as leases), which it requests once, when it
/// is created.
///
/// * Every operation is bounded by the timeout that the store states. An operation that timed out may have taken
///   effect.
/// * Every failure is emitted as [`EventKind::StoreFailed`] on the trace of the caller.
/// * An operation of a facet that the store does not have fails with [`StoreErrorKind::Unsupported`].
#[derive(Debug)]
pub(crate) struct Client {
    store: Arc<dyn StitchStore>,
    limits: StoreLimits,
    pacer: Option<Arc<dyn Pacer>>,
    counter: Option<Arc<dyn Counter>>,
    leases: Option<Arc<dyn Leases>>,
    versioned: Option<Arc<dyn Versioned>>,
    runtime: Arc<dyn Runtime>,
}

impl Client {
    pub(crate) fn new(store: Arc<dyn StitchStore>, runtime: Arc<dyn Runtime>) -> Self {
        Self {
            limits: store.limits(),
            pacer: store.clone().pacer(),
            counter: store.clone().counter(),
            leases: store.clone().leases(),
            versioned: store.clone().versioned(),
            store,
            runtime,
        }
    }

    /// Returns the name of the store, as shown in errors and events.
    pub(crate) fn name(&self) -> &'static str {
        self.store.name()
    }

    pub(crate) fn limits(&self) -> &StoreLimits {
        &self.limits
    }

    pub(crate) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    /// Returns the time limit of one operation.
    pub(crate) fn timeout(&self) -> Duration {
        self.limits.timeout
    }

    /// Returns how long a waiter keeps its place in the queue of a lease without asking again.
    ///
    /// It is half the timeout, because a store may delay its response until the lease is released, for at most the
    /// queue ttl, and the response must arrive before the timeout.
    pub(crate) fn queue_ttl(&self) -> Duration {
        self.limits.timeout / 2
    }

    /// Returns `key`, hashed if it is longer than the store accepts.
    pub(crate) fn fit_key(&self, key: Key) -> Key {
        fit_key(key, self.limits.max_key)
    }

    /// Returns `true` if the store accepts a value of this many bytes.
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        bytes <= self.limits.max_value
    }

    /// Returns `true` if the store has leases and versioned values, with which a process can wait for the result of
    /// another process.
    pub(crate) fn can_coordinate(&self) -> bool {
        self.leases.is_some() && self.versioned.is_some()
    }

    pub(crate) fn has_pacer(&self) -> bool {
        self.pacer.is_some()
    }

    pub(crate) fn has_counter(&self) -> bool {
        self.counter.is_some()
    }

    pub(crate) fn has_leases(&self) -> bool {
        self.leases.is_some()
    }

    pub(crate) fn has_versioned(&self) -> bool {
        self.versioned.is_some()
    }

    /// See [`StitchStore::get`].
    pub(crate) async fn get(&self, key: &Key, trace: &Trace) -> Result<Option<Bytes>, StoreError> {
        self.bounded("get", trace, self.store.get(key)).await
    }

    /// See [`StitchStore::set`].
    pub(crate) async fn set(&self, key: &Key, value: Bytes, ttl: Duration, trace: &Trace) -> Result<(), StoreError> {
        self.bounded("set", trace, self.store.set(key, value, Some(ttl))).await
    }

    /// See [`Counter::incr`].
    pub(crate) async fn incr(&self, key: &Key, ttl: Duration, trace: &Trace) -> Result<u64, StoreError> {
        let counter = self.facet(self.counter.as_deref(), "counters")?;
        self.bounded("incr", trace, counter.incr(key, ttl)).await
    }

    /// See [`Versioned::read`].
    pub(crate) async fn read(&self, key: &Key, trace: &Trace) -> Result<Option<(Bytes, Version)>, StoreError> {
        let versioned = self.facet(self.versioned.as_deref(), "versioned values")?;
        self.bounded("read", trace, versioned.read(key)).await
    }

    /// See [`Versioned::write_if`].
    pub(crate) async fn write_if(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &Version,
        value: Bytes,
        ttl: Duration,
        trace: &Trace,
    ) -> Result<bool, StoreError> {
        let versioned = self.facet(self.versioned.as_deref(), "versioned values")?;
        self.bounded("write_if", trace, versioned.write_if(key, expected, new, value, Some(ttl))).await
    }

    /// Acquires one of `limit` leases for `ttl`, or a place in the queue for `queue_ttl`: see [`Leases::acquire`].
    pub(crate) async fn acquire(
        &self,
        key: &Key,
        limit: u32,
        ttl: Duration,
        owner: &Owner,
        queue_ttl: Duration,
        trace: &Trace,
    ) -> Result<Lease, StoreError> {
        let leases = self.facet(self.leases.as_deref(), "leases")?;
        self.bounded("acquire", trace, leases.acquire(key, limit, ttl, owner, queue_ttl)).await
    }

    /// See [`Leases::renew`].
    pub(crate) async fn renew(
        &self,
        key: &Key,
        ttl: Duration,
        owner: &Owner,
        trace: &Trace,
    ) -> Result<bool, StoreError> {
        let leases = self.facet(self.leases.as_deref(), "leases")?;
        self.bounded("renew", trace, leases.renew(key, ttl, owner)).await
    }

    /// See [`Leases::release`].
    pub(crate) async fn release(&self, key: &Key, owner: &Owner, trace: &Trace) -> Result<(), StoreError> {
        let leases = self.facet(self.leases.as_deref(), "leases")?;
        self.bounded("release", trace, leases.release(key, owner)).await
    }

    /// Releases a lease in a spawned task. If that fails, the lease expires.
    pub(crate) fn release_in_background(self: &Arc<Self>, key: &Key, owner: Owner, trace: &Trace) {
        let (client, key, trace) = (self.clone(), key.clone(), trace.clone());
        self.runtime.spawn(Box::pin(async move {
            let _ = client.release(&key, &owner, &trace).await;
        }));
    }

    /// See [`Pacer::reserve`].
    pub(crate) async fn reserve(
        &self,
        key: &Key,
        request: &ReserveRequest,
        trace: &Trace,
    ) -> Result<Reservation, StoreError> {
        let pacer = self.facet(self.pacer.as_deref(), "pacing")?;
        self.bounded("reserve", trace, pacer.reserve(key, request)).await
    }

    /// See [`Pacer::refund`].
    pub(crate) async fn refund(&self, key: &Key, booking: &Booking, trace: &Trace) -> Result<bool, StoreError> {
        let pacer = self.facet(self.pacer.as_deref(), "pacing")?;
        self.bounded("refund", trace, pacer.refund(key, booking)).await
    }

    /// See [`Pacer::settle`].
    pub(crate) async fn settle(&self, key: &Key, limit: &LimitId, delta: i64, trace: &Trace) -> Result<(), StoreError> {
        let pacer = self.facet(self.pacer.as_deref(), "pacing")?;
        self.bounded("settle", trace, pacer.settle(key, limit, delta)).await
    }

    /// See [`Pacer::hold`].
    pub(crate) async fn hold(
        &self,
        key: &Key,
        until: StoreTime,
        cap: Duration,
        trace: &Trace,
    ) -> Result<(), StoreError> {
        let pacer = self.facet(self.pacer.as_deref(), "pacing")?;
        self.bounded("hold", trace, pacer.hold(key, until, cap)).await
    }

    /// Runs one operation within the timeout of the store, and emits a failure as an event.
    async fn bounded<T: Send>(
        &self,
        operation: &'static str,
        trace: &Trace,
        future: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let runtime = &*self.runtime;
        let result = match within(runtime, runtime.now() + self.limits.timeout, future).await {
            Ok(result) => result,
            Err(TimeUp) => Err(StoreError::new(StoreErrorKind::Timeout, self.store.name(), operation)),
        };
        if let Err(error) = &result {
            trace.emit(EventKind::StoreFailed { operation, kind: error.kind() });
        }
        result
    }

    fn facet<'f, F: ?Sized>(&self, facet: Option<&'f F>, what: &'static str) -> Result<&'f F, StoreError> {
        facet.ok_or_else(|| StoreError::new(StoreErrorKind::Unsupported, self.store.name(), what))
    }
}
