//! Stores that handle plain values or their ttl wrongly.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{Key, StitchStore, StoreError, StoreErrorKind, async_trait};

use crate::harness::{Defect, SoundClient, is_corrupt};

type Found = Result<Option<Bytes>, StoreError>;
type Done = Result<(), StoreError>;
type Ttl = Option<Duration>;

#[derive(Debug, Default)]
pub(crate) struct IgnoresTheTtl;
#[async_trait]
impl Defect for IgnoresTheTtl {
    const BREAKS: &'static [&'static str] = &["plain/ttl-ends", "plain/set-resets-ttl"];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        sound.store.set(key, value, ttl.filter(Duration::is_zero)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct RoundsTheTtlDown;
#[async_trait]
impl Defect for RoundsTheTtlDown {
    const BREAKS: &'static [&'static str] = &["plain/ttl-not-early", "plain/set-resets-ttl"];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        sound.store.set(key, value, ttl).await?;
        match ttl.filter(|ttl| ttl.as_secs() == 0) {
            Some(_) => sound.store.delete(key).await,
            None => Ok(()),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct RoundsTheTtlUpToSeconds;
#[async_trait]
impl Defect for RoundsTheTtlUpToSeconds {
    const BREAKS: &'static [&'static str] = &["plain/ttl-ends", "plain/set-resets-ttl"];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        let whole = |ttl: Duration| Duration::from_secs(u64::try_from(ttl.as_millis().div_ceil(1_000)).unwrap_or(0));
        sound.store.set(key, value, ttl.map(whole)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct TreatsTtlZeroAsNoTtl;
#[async_trait]
impl Defect for TreatsTtlZeroAsNoTtl {
    const BREAKS: &'static [&'static str] = &["plain/ttl-zero"];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        sound.store.set(key, value, ttl.filter(|ttl| !ttl.is_zero())).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTheFirstTtl;
#[async_trait]
impl Defect for KeepsTheFirstTtl {
    const BREAKS: &'static [&'static str] = &["plain/set-resets-ttl", "plain/set-clears-ttl"];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        let left = sound.raw(key).await.and_then(|(_, left)| left);
        sound.store.set(key, value, ttl.filter(Duration::is_zero).or(left).or(ttl)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTheTtlOnSetWithoutTtl;
#[async_trait]
impl Defect for KeepsTheTtlOnSetWithoutTtl {
    const BREAKS: &'static [&'static str] = &["plain/set-clears-ttl"];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        let left = sound.raw(key).await.and_then(|(_, left)| left);
        sound.store.set(key, value, ttl.or(left)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct HasADefaultTtl;
#[async_trait]
impl Defect for HasADefaultTtl {
    const BREAKS: &'static [&'static str] = &["plain/no-ttl-stays", "plain/set-clears-ttl"];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        sound.store.set(key, value, ttl.or(Some(Duration::from_millis(200)))).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct StoresTheTtlIn32Bits;
#[async_trait]
impl Defect for StoresTheTtlIn32Bits {
    const BREAKS: &'static [&'static str] = &["plain/long-ttl"];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        let wrapped = |ttl: Duration| match i32::try_from(ttl.as_millis()) {
            Ok(_) => ttl,
            Err(_) => Duration::from_micros(1),
        };
        sound.store.set(key, value, ttl.map(wrapped)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReturnsNoneForEmptyValues;
#[async_trait]
impl Defect for ReturnsNoneForEmptyValues {
    const BREAKS: &'static [&'static str] = &[
        "plain/empty-value",
        "counter/foreign-value",
        "pacer/foreign-value",
        "leases/foreign-value",
        "versioned/foreign-value",
    ];
    async fn get(&self, sound: &SoundClient, key: &Key) -> Found {
        Ok(sound.store.get(key).await?.filter(|value| !value.is_empty()))
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReturnsEmptyForAbsentValues;
#[async_trait]
impl Defect for ReturnsEmptyForAbsentValues {
    const BREAKS: &'static [&'static str] = &[
        "plain/absent-is-none",
        "plain/delete",
        "plain/ttl-ends",
        "plain/set-resets-ttl",
        "plain/ttl-zero",
        "key/prefixes",
    ];
    async fn get(&self, sound: &SoundClient, key: &Key) -> Found {
        Ok(Some(sound.store.get(key).await?.unwrap_or_default()))
    }
}

#[derive(Debug, Default)]
pub(crate) struct StoresTextOnly;
#[async_trait]
impl Defect for StoresTextOnly {
    const BREAKS: &'static [&'static str] = &[
        "plain/any-bytes",
        "counter/foreign-value",
        "pacer/foreign-value",
        "leases/foreign-value",
        "plain/largest-value",
    ];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        let text = String::from_utf8_lossy(&value).into_owned();
        sound.store.set(key, text.into(), ttl).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct SetsOnlyOnce;
#[async_trait]
impl Defect for SetsOnlyOnce {
    const BREAKS: &'static [&'static str] = &[
        "plain/overwrite",
        "plain/any-bytes",
        "plain/set-resets-ttl",
        "plain/set-clears-ttl",
        "counter/plain-access",
        "pacer/plain-access",
        "leases/plain-access",
        "versioned/plain-access",
        "plain/clock-back",
    ];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        match sound.raw(key).await {
            Some(_) => stitchapi_core::check_ttl(ttl, "memory", "set"),
            None => sound.store.set(key, value, ttl).await,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct FailsToDeleteAbsentValues;
#[async_trait]
impl Defect for FailsToDeleteAbsentValues {
    const BREAKS: &'static [&'static str] = &["plain/delete-absent"];
    async fn delete(&self, sound: &SoundClient, key: &Key) -> Done {
        sound.raw(key).await.ok_or_else(|| StoreError::new(StoreErrorKind::Other, "memory", "delete"))?;
        sound.store.delete(key).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct DeletesNothing;
#[async_trait]
impl Defect for DeletesNothing {
    const BREAKS: &'static [&'static str] = &[
        "plain/delete",
        "key/prefixes",
        "counter/delete",
        "pacer/delete",
        "pacer/lost",
        "leases/delete",
        "leases/fence-delete",
        "versioned/unique-versions",
        "versioned/delete",
        "pacer/process-count-new-cell",
    ];
    async fn delete(&self, _: &SoundClient, _: &Key) -> Done {
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct NeverRepliesToDelete;
#[async_trait]
impl Defect for NeverRepliesToDelete {
    const BREAKS: &'static [&'static str] = &[
        "plain/delete",
        "plain/delete-absent",
        "plain/no-ttl-stays",
        "plain/set-clears-ttl",
        "plain/long-ttl",
        "key/prefixes",
        "counter/delete",
        "pacer/delete",
        "pacer/lost",
        "leases/delete",
        "leases/fence-delete",
        "versioned/unique-versions",
        "versioned/delete",
        "versioned/no-ttl-stays",
        "pacer/process-count-new-cell",
        "plain/largest-value",
        "versioned/largest-value",
    ];
    async fn delete(&self, _: &SoundClient, _: &Key) -> Done {
        std::future::pending().await
    }
}

/// A dropped `set` leaves the store locked.
#[derive(Debug, Default)]
pub(crate) struct KeepsALockAfterADrop(AtomicBool);
#[async_trait]
impl Defect for KeepsALockAfterADrop {
    const BREAKS: &'static [&'static str] = &["plain/dropped", "plain/contended"];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        // The lock is released after 100 attempts, so that no later clause is affected.
        for _ in 0..100 {
            if !self.0.swap(true, Ordering::Relaxed) {
                sound.pause().await;
                let done = sound.store.set(key, value, ttl).await;
                self.0.store(false, Ordering::Relaxed);
                return done;
            }
            sound.pause().await;
        }
        self.0.store(false, Ordering::Relaxed);
        Err(StoreError::new(StoreErrorKind::Contended, "memory", "set"))
    }
}

#[derive(Debug, Default)]
pub(crate) struct SetsOverOtherFacets;
#[async_trait]
impl Defect for SetsOverOtherFacets {
    const BREAKS: &'static [&'static str] =
        &["counter/plain-access", "pacer/plain-access", "leases/plain-access", "versioned/plain-access"];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        let set = sound.store.set(key, value.clone(), ttl).await;
        if is_corrupt(&set) {
            sound.store.delete(key).await?;
            return sound.store.set(key, value, ttl).await;
        }
        set
    }
}

#[derive(Debug, Default)]
pub(crate) struct GetsValuesOfOtherFacets;
#[async_trait]
impl Defect for GetsValuesOfOtherFacets {
    const BREAKS: &'static [&'static str] =
        &["counter/plain-access", "pacer/plain-access", "leases/plain-access", "versioned/plain-access"];
    async fn get(&self, sound: &SoundClient, key: &Key) -> Found {
        let got = sound.store.get(key).await;
        if is_corrupt(&got) { Ok(sound.raw(key).await.map(|(body, _)| body)) } else { got }
    }
}
