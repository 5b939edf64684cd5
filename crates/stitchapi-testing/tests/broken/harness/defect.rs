//! One thing that is wrong with a store.

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::pace::{Booking, LimitId, Reservation, ReserveRequest};
use stitchapi_core::{
    Key, Lease, Owner, Prefix, StitchStore, StoreError, StoreErrorKind, StoreLimits, StoreTime, Version, async_trait,
};

use super::sound::{AcquireArgs, Id, SoundClient, WriteArgs};

/// Longest key of the stores here, in bytes.
pub(crate) const MAX_KEY: usize = 4_096;
/// Longest value of the stores here, in bytes.
pub(crate) const MAX_VALUE: usize = 64 << 10;

fn too_large_error(operation: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::TooLarge, "memory", operation)
}

/// The operations of a store. Each one is correct unless the defect overrides it.
#[async_trait]
pub(crate) trait Defect: Default + Debug + Send + Sync + 'static {
    /// All clauses that the defect breaks.
    const BREAKS: &'static [&'static str];

    fn key(&self, _: Id, key: &Key) -> Key {
        key.clone()
    }
    fn prefix(prefix: Prefix) -> Prefix {
        prefix
    }
    fn limits(&self) -> StoreLimits {
        StoreLimits::unlimited().with_sizes(MAX_KEY, MAX_VALUE)
    }
    fn check_key(&self, key: &Key, operation: &'static str) -> Result<(), StoreError> {
        if key.rendered_len() <= self.limits().max_key { Ok(()) } else { Err(too_large_error(operation)) }
    }
    fn check_value(&self, value: &Bytes, operation: &'static str) -> Result<(), StoreError> {
        if value.len() <= self.limits().max_value { Ok(()) } else { Err(too_large_error(operation)) }
    }
    async fn get(&self, sound: &SoundClient, key: &Key) -> Result<Option<Bytes>, StoreError> {
        sound.store.get(key).await
    }
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        sound.store.set(key, value, ttl).await
    }
    async fn delete(&self, sound: &SoundClient, key: &Key) -> Result<(), StoreError> {
        sound.store.delete(key).await
    }
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Result<u64, StoreError> {
        sound.counter.incr(key, ttl).await
    }
    async fn reserve(
        &self,
        sound: &SoundClient,
        key: &Key,
        request: ReserveRequest,
    ) -> Result<Reservation, StoreError> {
        sound.pacer.reserve(key, &request).await
    }
    async fn refund(&self, sound: &SoundClient, key: &Key, booking: Booking) -> Result<bool, StoreError> {
        sound.pacer.refund(key, &booking).await
    }
    async fn settle(&self, sound: &SoundClient, key: &Key, limit: &LimitId, delta: i64) -> Result<(), StoreError> {
        sound.pacer.settle(key, limit, delta).await
    }
    async fn hold(&self, sound: &SoundClient, key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError> {
        sound.pacer.hold(key, until, cap).await
    }
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Result<Lease, StoreError> {
        sound.acquire(key, args).await
    }
    async fn renew(&self, sound: &SoundClient, key: &Key, ttl: Duration, owner: Owner) -> Result<bool, StoreError> {
        sound.leases.renew(key, ttl, &owner).await
    }
    async fn release(&self, sound: &SoundClient, key: &Key, owner: Owner) -> Result<(), StoreError> {
        sound.leases.release(key, &owner).await
    }
    async fn read(&self, sound: &SoundClient, key: &Key) -> Result<Option<(Bytes, Version)>, StoreError> {
        sound.versioned.read(key).await
    }
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Result<bool, StoreError> {
        sound.write_if(key, write).await
    }
}

/// A store without a defect.
#[derive(Debug, Default)]
pub(crate) struct NoDefect;
impl Defect for NoDefect {
    const BREAKS: &'static [&'static str] = &[];
}
