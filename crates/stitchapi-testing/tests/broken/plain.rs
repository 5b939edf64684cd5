//! Stores that are wrong about values and their ttl.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{Key, StitchStore, StoreError, StoreErrorKind, async_trait};

use crate::fault::Fault;
use crate::good::{Good, is_corrupt};

type Got = Result<Option<Bytes>, StoreError>;
type Done = Result<(), StoreError>;
type Ttl = Option<Duration>;

#[derive(Debug, Default)]
pub(crate) struct IgnoresTheTtl;
#[async_trait]
impl Fault for IgnoresTheTtl {
    const BREAKS: &'static [&'static str] = &["plain/ttl-ends", "plain/set-resets-ttl"];
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        good.store.set(key, value, ttl.filter(Duration::is_zero)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct RoundsTheTtlDown;
#[async_trait]
impl Fault for RoundsTheTtlDown {
    const BREAKS: &'static [&'static str] = &["plain/ttl-not-early", "plain/set-resets-ttl"];
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        good.store.set(key, value, ttl).await?;
        match ttl.filter(|ttl| ttl.as_secs() == 0) {
            Some(_) => good.store.delete(key).await,
            None => Ok(()),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct RoundsTheTtlUpToSeconds;
#[async_trait]
impl Fault for RoundsTheTtlUpToSeconds {
    const BREAKS: &'static [&'static str] = &["plain/ttl-ends", "plain/set-resets-ttl"];
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        let whole = |ttl: Duration| Duration::from_secs(u64::try_from(ttl.as_millis().div_ceil(1_000)).unwrap_or(0));
        good.store.set(key, value, ttl.map(whole)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct TakesATtlOfZeroForNone;
#[async_trait]
impl Fault for TakesATtlOfZeroForNone {
    const BREAKS: &'static [&'static str] = &["plain/ttl-zero"];
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        good.store.set(key, value, ttl.filter(|ttl| !ttl.is_zero())).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTheFirstTtl;
#[async_trait]
impl Fault for KeepsTheFirstTtl {
    const BREAKS: &'static [&'static str] = &["plain/set-resets-ttl", "plain/set-clears-ttl"];
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        let left = good.raw(key).await.and_then(|(_, left)| left);
        good.store.set(key, value, ttl.filter(Duration::is_zero).or(left).or(ttl)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTheTtlWhenThereIsNone;
#[async_trait]
impl Fault for KeepsTheTtlWhenThereIsNone {
    const BREAKS: &'static [&'static str] = &["plain/set-clears-ttl"];
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        let left = good.raw(key).await.and_then(|(_, left)| left);
        good.store.set(key, value, ttl.or(left)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct HasADefaultTtl;
#[async_trait]
impl Fault for HasADefaultTtl {
    const BREAKS: &'static [&'static str] = &["plain/no-ttl-stays", "plain/set-clears-ttl"];
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        good.store.set(key, value, ttl.or(Some(Duration::from_millis(200)))).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct CountsTheTtlIn32Bits;
#[async_trait]
impl Fault for CountsTheTtlIn32Bits {
    const BREAKS: &'static [&'static str] = &["plain/long-ttl"];
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        let wrapped = |ttl: Duration| match i32::try_from(ttl.as_millis()) {
            Ok(_) => ttl,
            Err(_) => Duration::from_micros(1),
        };
        good.store.set(key, value, ttl.map(wrapped)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct TakesEmptyForAbsent;
#[async_trait]
impl Fault for TakesEmptyForAbsent {
    const BREAKS: &'static [&'static str] = &[
        "plain/empty-value",
        "counter/foreign-value",
        "pacer/foreign-value",
        "leases/foreign-value",
        "versioned/foreign-value",
    ];
    async fn get(&self, good: &Good, key: &Key) -> Got {
        Ok(good.store.get(key).await?.filter(|value| !value.is_empty()))
    }
}

#[derive(Debug, Default)]
pub(crate) struct TakesAbsentForEmpty;
#[async_trait]
impl Fault for TakesAbsentForEmpty {
    const BREAKS: &'static [&'static str] = &[
        "plain/absent-is-none",
        "plain/delete",
        "plain/ttl-ends",
        "plain/set-resets-ttl",
        "plain/ttl-zero",
        "key/prefixes",
    ];
    async fn get(&self, good: &Good, key: &Key) -> Got {
        Ok(Some(good.store.get(key).await?.unwrap_or_default()))
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTextOnly;
#[async_trait]
impl Fault for KeepsTextOnly {
    const BREAKS: &'static [&'static str] =
        &["plain/any-bytes", "counter/foreign-value", "pacer/foreign-value", "leases/foreign-value"];
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        let text = String::from_utf8_lossy(&value).into_owned();
        good.store.set(key, text.into(), ttl).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct SetsOnlyOnce;
#[async_trait]
impl Fault for SetsOnlyOnce {
    const BREAKS: &'static [&'static str] = &[
        "plain/overwrite",
        "plain/any-bytes",
        "plain/set-resets-ttl",
        "plain/set-clears-ttl",
        "counter/plain-access",
        "pacer/plain-access",
        "leases/plain-access",
        "versioned/plain-access",
    ];
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        match good.raw(key).await {
            Some(_) => stitchapi_core::check_ttl(ttl, "memory", "set"),
            None => good.store.set(key, value, ttl).await,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct FailsToDeleteWhatIsAbsent;
#[async_trait]
impl Fault for FailsToDeleteWhatIsAbsent {
    const BREAKS: &'static [&'static str] = &["plain/delete-absent"];
    async fn delete(&self, good: &Good, key: &Key) -> Done {
        good.raw(key).await.ok_or_else(|| StoreError::new(StoreErrorKind::Other, "memory", "delete"))?;
        good.store.delete(key).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct DeletesNothing;
#[async_trait]
impl Fault for DeletesNothing {
    const BREAKS: &'static [&'static str] = &[
        "plain/delete",
        "key/prefixes",
        "counter/delete",
        "pacer/delete",
        "pacer/lost",
        "leases/delete",
        "leases/fence-delete",
        "versioned/for-life",
        "versioned/delete",
        "pacer/counts-anew",
    ];
    async fn delete(&self, _: &Good, _: &Key) -> Done {
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct NeverAnswersADelete;
#[async_trait]
impl Fault for NeverAnswersADelete {
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
        "versioned/for-life",
        "versioned/delete",
        "versioned/no-ttl-stays",
        "pacer/counts-anew",
    ];
    async fn delete(&self, _: &Good, _: &Key) -> Done {
        std::future::pending().await
    }
}

/// A dropped `set` leaves it locked.
#[derive(Debug, Default)]
pub(crate) struct LeavesALockBehind(AtomicBool);
#[async_trait]
impl Fault for LeavesALockBehind {
    const BREAKS: &'static [&'static str] = &["plain/dropped"];
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        // Later clauses find it free again: a test of one fault is not a test of what follows from it.
        for _ in 0..100 {
            if !self.0.swap(true, Ordering::Relaxed) {
                good.pause().await;
                let done = good.store.set(key, value, ttl).await;
                self.0.store(false, Ordering::Relaxed);
                return done;
            }
            good.pause().await;
        }
        self.0.store(false, Ordering::Relaxed);
        Err(StoreError::new(StoreErrorKind::Contended, "memory", "set"))
    }
}

#[derive(Debug, Default)]
pub(crate) struct SetsWhateverIsThere;
#[async_trait]
impl Fault for SetsWhateverIsThere {
    const BREAKS: &'static [&'static str] =
        &["counter/plain-access", "pacer/plain-access", "leases/plain-access", "versioned/plain-access"];
    async fn set(&self, good: &Good, key: &Key, value: Bytes, ttl: Ttl) -> Done {
        let set = good.store.set(key, value.clone(), ttl).await;
        if is_corrupt(&set) {
            good.store.delete(key).await?;
            return good.store.set(key, value, ttl).await;
        }
        set
    }
}

#[derive(Debug, Default)]
pub(crate) struct GetsWhateverIsThere;
#[async_trait]
impl Fault for GetsWhateverIsThere {
    const BREAKS: &'static [&'static str] =
        &["counter/plain-access", "pacer/plain-access", "leases/plain-access", "versioned/plain-access"];
    async fn get(&self, good: &Good, key: &Key) -> Got {
        let got = good.store.get(key).await;
        if is_corrupt(&got) { Ok(good.raw(key).await.map(|(body, _)| body)) } else { got }
    }
}
