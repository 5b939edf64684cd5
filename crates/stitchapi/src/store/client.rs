//! A seam's store: its facets asked for once, every operation bounded in time, every failure an event.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{
    Key, Lease, Leases, Owner, Runtime, StitchStore, StoreError, StoreErrorKind, StoreLimits, Version, Versioned,
};

use super::bounded::watch;
use super::fitted_key::fitted;
use crate::trace::{EventKind, Trace};

/// The store of a seam, as sessions, cache and flights use it.
#[derive(Debug)]
pub(crate) struct SharedStore {
    store: Arc<dyn StitchStore>,
    limits: StoreLimits,
    leases: Option<Arc<dyn Leases>>,
    versioned: Option<Arc<dyn Versioned>>,
    runtime: Arc<dyn Runtime>,
}

impl SharedStore {
    pub(crate) fn new(store: Arc<dyn StitchStore>, runtime: Arc<dyn Runtime>) -> Self {
        let (leases, versioned) = (store.clone().leases(), store.clone().versioned());
        Self { limits: store.limits(), leases, versioned, store, runtime }
    }

    /// `key` as this store takes it.
    pub(crate) fn key(&self, key: Key) -> Key {
        fitted(key, self.limits.max_key)
    }

    pub(crate) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    /// How long an operation may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.limits.timeout
    }

    /// For how long a place in a queue is kept without asking again. A store may wait for a release meanwhile, so its
    /// answer still comes in time.
    pub(crate) fn park(&self) -> Duration {
        self.limits.timeout / 2
    }

    /// Whether it keeps versioned values.
    pub(crate) fn is_versioned(&self) -> bool {
        self.versioned.is_some()
    }

    /// Whether one process can wait for what another does: it lends, and it keeps what was done.
    pub(crate) fn joins_processes(&self) -> bool {
        self.leases.is_some() && self.versioned.is_some()
    }

    /// Whether it takes a value of so many bytes.
    pub(crate) fn takes(&self, bytes: usize) -> bool {
        bytes <= self.limits.max_value
    }

    pub(crate) async fn get(&self, key: &Key, trace: &Trace) -> Result<Option<Bytes>, StoreError> {
        self.watch("get", trace, self.store.get(key)).await
    }

    pub(crate) async fn set(&self, key: &Key, value: Bytes, ttl: Duration, trace: &Trace) -> Result<(), StoreError> {
        self.watch("set", trace, self.store.set(key, value, Some(ttl))).await
    }

    pub(crate) async fn read(&self, key: &Key, trace: &Trace) -> Result<Option<(Bytes, Version)>, StoreError> {
        self.watch("read", trace, self.versioned()?.read(key)).await
    }

    pub(crate) async fn write_if(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &Version,
        value: Bytes,
        ttl: Duration,
        trace: &Trace,
    ) -> Result<bool, StoreError> {
        let write = self.versioned()?.write_if(key, expected, new, value, Some(ttl));
        self.watch("write_if", trace, write).await
    }

    /// The one place there is, for `ttl`, or one in its queue for `park`.
    pub(crate) async fn acquire(
        &self,
        key: &Key,
        ttl: Duration,
        owner: &Owner,
        park: Duration,
        trace: &Trace,
    ) -> Result<Lease, StoreError> {
        self.watch("acquire", trace, self.leases()?.acquire(key, 1, ttl, owner, park)).await
    }

    pub(crate) async fn renew(
        &self,
        key: &Key,
        ttl: Duration,
        owner: &Owner,
        trace: &Trace,
    ) -> Result<bool, StoreError> {
        self.watch("renew", trace, self.leases()?.renew(key, ttl, owner)).await
    }

    pub(crate) async fn release(&self, key: &Key, owner: &Owner, trace: &Trace) -> Result<(), StoreError> {
        self.watch("release", trace, self.leases()?.release(key, owner)).await
    }

    /// Gives a place back by a task of its own. A failure is told as an event; the place ends by itself.
    pub(crate) fn release_aside(self: &Arc<Self>, key: &Key, owner: Owner, trace: &Trace) {
        let (store, key, trace) = (self.clone(), key.clone(), trace.clone());
        self.runtime.spawn(Box::pin(async move {
            let _ = store.release(&key, &owner, &trace).await;
        }));
    }

    async fn watch<T: Send>(
        &self,
        operation: &'static str,
        trace: &Trace,
        future: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let done = watch(&*self.runtime, self.limits.timeout, self.store.name(), operation, future).await;
        if let Err(error) = &done {
            trace.emit(EventKind::StoreFailed { operation, kind: error.kind() });
        }
        done
    }

    fn versioned(&self) -> Result<&dyn Versioned, StoreError> {
        self.versioned.as_deref().ok_or_else(|| self.unsupported("versioned values"))
    }

    fn leases(&self) -> Result<&dyn Leases, StoreError> {
        self.leases.as_deref().ok_or_else(|| self.unsupported("leases"))
    }

    fn unsupported(&self, what: &'static str) -> StoreError {
        StoreError::new(StoreErrorKind::Unsupported, self.store.name(), what)
    }
}
