//! A store with a defect.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::pace::{Booking, LimitId, Reservation, ReserveRequest};
use stitchapi_core::{
    Counter, Key, Lease, Leases, Owner, Pacer, StitchStore, StoreError, StoreLimits, StoreTime, Version, Versioned,
    async_trait,
};

use super::defect::Defect;
use super::sound::{AcquireArgs, SoundClient, WriteArgs};

/// A client whose operations are those of the defect, every facet included.
#[derive(Debug)]
pub(crate) struct BrokenStore<D> {
    pub(super) defect: Arc<D>,
    pub(super) sound: SoundClient,
}

impl<D: Defect> BrokenStore<D> {
    /// Checks the length of a key, and maps it to the key that the store uses.
    fn key(&self, key: &Key, operation: &'static str) -> Result<Key, StoreError> {
        self.defect.check_key(key, operation)?;
        Ok(self.defect.key(self.sound.id, key))
    }
}

#[async_trait]
impl<D: Defect> StitchStore for BrokenStore<D> {
    fn name(&self) -> &'static str {
        std::any::type_name::<D>()
    }
    fn limits(&self) -> StoreLimits {
        self.defect.limits()
    }
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.defect.get(&self.sound, &self.key(key, "get")?).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.defect.check_value(&value, "set")?;
        self.defect.set(&self.sound, &self.key(key, "set")?, value, ttl).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.defect.delete(&self.sound, &self.key(key, "delete")?).await
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
impl<D: Defect> Counter for BrokenStore<D> {
    async fn incr(&self, key: &Key, ttl: Duration) -> Result<u64, StoreError> {
        self.defect.incr(&self.sound, &self.key(key, "incr")?, ttl).await
    }
}

#[async_trait]
impl<D: Defect> Pacer for BrokenStore<D> {
    async fn reserve(&self, key: &Key, request: &ReserveRequest) -> Result<Reservation, StoreError> {
        self.defect.reserve(&self.sound, &self.key(key, "reserve")?, request.clone()).await
    }
    async fn refund(&self, key: &Key, booking: &Booking) -> Result<bool, StoreError> {
        self.defect.refund(&self.sound, &self.key(key, "refund")?, booking.clone()).await
    }
    async fn settle(&self, key: &Key, limit: &LimitId, delta: i64) -> Result<(), StoreError> {
        self.defect.settle(&self.sound, &self.key(key, "settle")?, limit, delta).await
    }
    async fn hold(&self, key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError> {
        self.defect.hold(&self.sound, &self.key(key, "hold")?, until, cap).await
    }
}

#[async_trait]
impl<D: Defect> Leases for BrokenStore<D> {
    async fn acquire(
        &self,
        key: &Key,
        limit: u32,
        ttl: Duration,
        owner: &Owner,
        queue_ttl: Duration,
    ) -> Result<Lease, StoreError> {
        let args = AcquireArgs { limit, ttl, owner: *owner, queue_ttl };
        self.defect.acquire(&self.sound, &self.key(key, "acquire")?, args).await
    }
    async fn renew(&self, key: &Key, ttl: Duration, owner: &Owner) -> Result<bool, StoreError> {
        self.defect.renew(&self.sound, &self.key(key, "renew")?, ttl, *owner).await
    }
    async fn release(&self, key: &Key, owner: &Owner) -> Result<(), StoreError> {
        self.defect.release(&self.sound, &self.key(key, "release")?, *owner).await
    }
}

#[async_trait]
impl<D: Defect> Versioned for BrokenStore<D> {
    async fn read(&self, key: &Key) -> Result<Option<(Bytes, Version)>, StoreError> {
        self.defect.read(&self.sound, &self.key(key, "read")?).await
    }
    async fn write_if(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &Version,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.defect.check_value(&value, "write_if")?;
        let write = WriteArgs { expected: expected.copied(), new: *new, value, ttl };
        self.defect.write_if(&self.sound, &self.key(key, "write_if")?, write).await
    }
}
