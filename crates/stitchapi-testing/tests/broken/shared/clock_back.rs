//! Stores that lose a value when their clock is set back, such as by an age that underflows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::pace::{Reservation, ReserveRequest};
use stitchapi_core::{Key, Lease, Owner, StitchStore as _, StoreError, Version, async_trait};

use crate::harness::{AcquireArgs, Defect, SoundClient};

/// The store's time at the latest operation.
#[derive(Debug, Default)]
struct LatestTime(AtomicU64);

impl LatestTime {
    /// Deletes the value under `key` if the clock has gone back since the latest operation.
    async fn expire_if_set_back(&self, sound: &SoundClient, key: &Key) -> Result<(), StoreError> {
        let now = sound.now().await.0;
        if self.0.swap(now, Ordering::Relaxed) > now { sound.store.delete(key).await } else { Ok(()) }
    }
}

#[derive(Debug, Default)]
pub(crate) struct LosesPlainValues(LatestTime);
#[async_trait]
impl Defect for LosesPlainValues {
    const BREAKS: &'static [&'static str] = &["plain/clock-back"];
    async fn get(&self, sound: &SoundClient, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.0.expire_if_set_back(sound, key).await?;
        sound.store.get(key).await
    }
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.0.expire_if_set_back(sound, key).await?;
        sound.store.set(key, value, ttl).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LosesCounters(LatestTime);
#[async_trait]
impl Defect for LosesCounters {
    const BREAKS: &'static [&'static str] = &["counter/clock-back"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Result<u64, StoreError> {
        self.0.expire_if_set_back(sound, key).await?;
        sound.counter.incr(key, ttl).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LosesCells(LatestTime);
#[async_trait]
impl Defect for LosesCells {
    const BREAKS: &'static [&'static str] = &["pacer/clock-back"];
    async fn reserve(
        &self,
        sound: &SoundClient,
        key: &Key,
        request: ReserveRequest,
    ) -> Result<Reservation, StoreError> {
        self.0.expire_if_set_back(sound, key).await?;
        sound.pacer.reserve(key, &request).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LosesLeases(LatestTime);
#[async_trait]
impl Defect for LosesLeases {
    const BREAKS: &'static [&'static str] = &["leases/clock-back"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Result<Lease, StoreError> {
        self.0.expire_if_set_back(sound, key).await?;
        sound.acquire(key, args).await
    }
    async fn renew(&self, sound: &SoundClient, key: &Key, ttl: Duration, owner: Owner) -> Result<bool, StoreError> {
        self.0.expire_if_set_back(sound, key).await?;
        sound.leases.renew(key, ttl, &owner).await
    }
}

/// A new lease has the clock as its fence, also when the clock was set back.
#[derive(Debug, Default)]
pub(crate) struct LetsFencesGoBack;
#[async_trait]
impl Defect for LetsFencesGoBack {
    const BREAKS: &'static [&'static str] = &["leases/clock-back"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Result<Lease, StoreError> {
        let now = sound.now().await.0;
        // Half a second: more than the fences of one clause are ahead of the clock, less than it is set back by.
        sound.change_leases(key, |cell| cell.fence = cell.fence.min(now + 500_000)).await;
        sound.acquire(key, args).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LosesVersionedValues(LatestTime);
#[async_trait]
impl Defect for LosesVersionedValues {
    const BREAKS: &'static [&'static str] = &["versioned/clock-back"];
    async fn read(&self, sound: &SoundClient, key: &Key) -> Result<Option<(Bytes, Version)>, StoreError> {
        self.0.expire_if_set_back(sound, key).await?;
        sound.versioned.read(key).await
    }
}
