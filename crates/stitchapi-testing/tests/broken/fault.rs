//! A store with one thing wrong.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::pace::{Booking, LimitId, Reservation, ReserveRequest};
use stitchapi_core::{
    BoxFuture, Counter, Key, Lease, Leases, MemoryStore, Owner, Pacer, Prefix, StitchStore, StoreError, StoreLimits,
    StoreTime, Version, Versioned, async_trait,
};
use stitchapi_testing::{ContractOptions, ContractReport, Part, Processes, SimRuntime, verify_store_contract};

use crate::good::{Ask, Good, Id, Write};

/// What is wrong: a store's operations, each of which is right unless it is overridden.
#[async_trait]
pub(crate) trait Fault: Default + Debug + Send + Sync + 'static {
    /// The clauses that it breaks, all of them.
    const BREAKS: &'static [&'static str];

    fn key(&self, _: Id, key: &Key) -> Key {
        key.clone()
    }
    fn prefix(prefix: Prefix) -> Prefix {
        prefix
    }
    fn limits(&self) -> StoreLimits {
        StoreLimits::unlimited()
    }
    async fn get(&self, good: &Good, key: &Key) -> Result<Option<Bytes>, StoreError> {
        good.store.get(key).await
    }
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        good.store.set(key, value, ttl).await
    }
    async fn delete(&self, good: &Good, key: &Key) -> Result<(), StoreError> {
        good.store.delete(key).await
    }
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Result<u64, StoreError> {
        good.counter.incr(key, ttl).await
    }
    async fn reserve(&self, good: &Good, key: &Key, request: ReserveRequest) -> Result<Reservation, StoreError> {
        good.pacer.reserve(key, &request).await
    }
    async fn refund(&self, good: &Good, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        good.pacer.refund(key, &booking).await
    }
    async fn settle(&self, good: &Good, key: &Key, limit: &LimitId, delta: i64) -> Result<(), StoreError> {
        good.pacer.settle(key, limit, delta).await
    }
    async fn hold(&self, good: &Good, key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError> {
        good.pacer.hold(key, until, cap).await
    }
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Result<Lease, StoreError> {
        good.acquire(key, ask).await
    }
    async fn renew(&self, good: &Good, key: &Key, ttl: Duration, owner: Owner) -> Result<bool, StoreError> {
        good.leases.renew(key, ttl, &owner).await
    }
    async fn release(&self, good: &Good, key: &Key, owner: Owner) -> Result<(), StoreError> {
        good.leases.release(key, &owner).await
    }
    async fn read(&self, good: &Good, key: &Key) -> Result<Option<(Bytes, Version)>, StoreError> {
        good.versioned.read(key).await
    }
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Result<bool, StoreError> {
        good.write_if(key, write).await
    }
}

/// Nothing is wrong.
#[derive(Debug, Default)]
pub(crate) struct Sound;
impl Fault for Sound {
    const BREAKS: &'static [&'static str] = &[];
}

#[derive(Debug)]
struct Broken<F> {
    fault: Arc<F>,
    good: Good,
}

impl<F: Fault> Broken<F> {
    fn key(&self, key: &Key) -> Key {
        self.fault.key(self.good.id, key)
    }
}

#[async_trait]
impl<F: Fault> StitchStore for Broken<F> {
    fn name(&self) -> &'static str {
        std::any::type_name::<F>()
    }
    fn limits(&self) -> StoreLimits {
        self.fault.limits()
    }
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.fault.get(&self.good, &self.key(key)).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.fault.set(&self.good, &self.key(key), value, ttl).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.fault.delete(&self.good, &self.key(key)).await
    }
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        Some(self)
    }
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn Pacer>> {
        Some(self)
    }
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        Some(self)
    }
    fn versioned(self: Arc<Self>) -> Option<Arc<dyn Versioned>> {
        Some(self)
    }
}

#[async_trait]
impl<F: Fault> Counter for Broken<F> {
    async fn incr(&self, key: &Key, ttl: Duration) -> Result<u64, StoreError> {
        self.fault.incr(&self.good, &self.key(key), ttl).await
    }
}

#[async_trait]
impl<F: Fault> Pacer for Broken<F> {
    async fn reserve(&self, key: &Key, request: &ReserveRequest) -> Result<Reservation, StoreError> {
        self.fault.reserve(&self.good, &self.key(key), request.clone()).await
    }
    async fn refund(&self, key: &Key, booking: &Booking) -> Result<bool, StoreError> {
        self.fault.refund(&self.good, &self.key(key), booking.clone()).await
    }
    async fn settle(&self, key: &Key, limit: &LimitId, delta: i64) -> Result<(), StoreError> {
        self.fault.settle(&self.good, &self.key(key), limit, delta).await
    }
    async fn hold(&self, key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError> {
        self.fault.hold(&self.good, &self.key(key), until, cap).await
    }
}

#[async_trait]
impl<F: Fault> Leases for Broken<F> {
    async fn acquire(
        &self,
        key: &Key,
        limit: u32,
        ttl: Duration,
        owner: &Owner,
        park: Duration,
    ) -> Result<Lease, StoreError> {
        let ask = Ask { limit, ttl, owner: *owner, park };
        self.fault.acquire(&self.good, &self.key(key), ask).await
    }
    async fn renew(&self, key: &Key, ttl: Duration, owner: &Owner) -> Result<bool, StoreError> {
        self.fault.renew(&self.good, &self.key(key), ttl, *owner).await
    }
    async fn release(&self, key: &Key, owner: &Owner) -> Result<(), StoreError> {
        self.fault.release(&self.good, &self.key(key), *owner).await
    }
}

#[async_trait]
impl<F: Fault> Versioned for Broken<F> {
    async fn read(&self, key: &Key) -> Result<Option<(Bytes, Version)>, StoreError> {
        self.fault.read(&self.good, &self.key(key)).await
    }
    async fn write_if(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &Version,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let write = Write { expected: expected.copied(), new: *new, value, ttl };
        self.fault.write_if(&self.good, &self.key(key), write).await
    }
}

/// One backend, and whoever opens a client of it.
#[derive(Debug)]
struct Backend<F> {
    memory: MemoryStore,
    sim: SimRuntime,
    fault: Arc<F>,
    opened: Arc<AtomicUsize>,
    started: Arc<AtomicUsize>,
}

impl<F> Clone for Backend<F> {
    fn clone(&self) -> Self {
        let Self { memory, sim, fault, opened, started } = self;
        let (memory, sim, fault) = (memory.clone(), sim.clone(), fault.clone());
        Self { memory, sim, fault, opened: opened.clone(), started: started.clone() }
    }
}

impl<F: Fault> Backend<F> {
    fn open(&self, process: usize, prefix: Option<Prefix>) -> Arc<dyn StitchStore> {
        let memory = prefix.map_or(self.memory.clone(), |prefix| self.memory.with_prefix(F::prefix(prefix)));
        let id = Id { client: self.opened.fetch_add(1, Ordering::Relaxed), process };
        Arc::new(Broken { fault: self.fault.clone(), good: Good::new(memory, self.sim.clone(), id) })
    }
}

/// Processes that are only said to be some.
impl<F: Fault> Processes for Backend<F> {
    fn run(&self, part: Part) -> BoxFuture<'static, Result<String, String>> {
        let process = 1 + self.started.fetch_add(1, Ordering::Relaxed);
        let (store, runtime) = (self.open(process, None), Arc::new(self.sim.clone()));
        Box::pin(async move { Ok(part.run(store, runtime).await) })
    }
}

/// The contract on a store with this fault.
pub(crate) fn report_of<F: Fault>() -> ContractReport {
    let sim = SimRuntime::new(7);
    let backend = Backend {
        memory: MemoryStore::on(Arc::new(sim.clone())),
        sim: sim.clone(),
        fault: Arc::new(F::default()),
        opened: Arc::default(),
        started: Arc::default(),
    };
    let (prefixed, stripped) = (backend.clone(), backend.clone());
    let options = ContractOptions::new(Arc::new(sim.clone()))
        .prefixed(move |prefix| {
            let store = prefixed.open(0, Some(prefix));
            Box::pin(async move { store })
        })
        .strip_ttl(move |key| {
            let backend = stripped.clone();
            Box::pin(async move {
                let id = Id { client: 0, process: 0 };
                let (good, key) = (Good::new(backend.memory, backend.sim, id), backend.fault.key(id, &key));
                if let Some((body, _)) = good.raw(&key).await {
                    good.put_raw(&key, b'c', body, None).await;
                }
            })
        })
        .processes(backend.clone(), 3);
    let make = move || {
        let store = backend.open(0, None);
        Box::pin(async move { store }) as BoxFuture<'static, _>
    };
    sim.block_on(verify_store_contract(make, options))
}
