//! Stores that count wrongly.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{Key, StitchStore, StoreError, async_trait, check_ttl};

use crate::harness::{Defect, Lock, SoundClient, is_corrupt};

type Count = Result<u64, StoreError>;

const HOUR: Duration = Duration::from_secs(3600);

/// Reads the count, lets other tasks run, and writes the next one.
async fn incr_slowly(sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
    check_ttl(ttl, "memory", "incr")?;
    let Some((body, left)) = sound.raw(key).await else {
        sound.pause().await;
        sound.put_raw(key, b'c', Bytes::copy_from_slice(&1_u64.to_be_bytes()), Some(ttl)).await;
        return Ok(1);
    };
    if sound.store.get(key).await.is_ok() {
        return sound.counter.incr(key, ttl).await;
    }
    let Ok(count) = <[u8; 8]>::try_from(&body[..]) else { return sound.counter.incr(key, ttl).await };
    let count = u64::from_be_bytes(count) + 1;
    sound.pause().await;
    sound.put_raw(key, b'c', Bytes::copy_from_slice(&count.to_be_bytes()), Some(left.unwrap_or(ttl))).await;
    Ok(count)
}

#[derive(Debug, Default)]
pub(crate) struct StartsAtZero;
#[async_trait]
impl Defect for StartsAtZero {
    const BREAKS: &'static [&'static str] = &[
        "key/prefixes",
        "counter/starts-at-one",
        "counter/keys-apart",
        "counter/concurrent",
        "counter/two-clients",
        "counter/processes",
        "counter/delete",
        "counter/ttl-zero",
        "counter/ttl-not-early",
        "counter/restarts",
        "counter/plain-access",
        "pacer/other-facet",
        "leases/other-facet",
        "versioned/other-facet",
        "counter/clock-back",
    ];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        Ok(sound.counter.incr(key, ttl).await? - 1)
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReadsThenWrites;
#[async_trait]
impl Defect for ReadsThenWrites {
    const BREAKS: &'static [&'static str] = &["counter/concurrent", "counter/two-clients", "counter/processes"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        incr_slowly(sound, key, ttl).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LocksPerClient(Lock);
#[async_trait]
impl Defect for LocksPerClient {
    const BREAKS: &'static [&'static str] = &["counter/two-clients", "counter/processes"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        self.0.with(sound.id.client, sound, incr_slowly(sound, key, ttl)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LocksPerProcess(Lock);
#[async_trait]
impl Defect for LocksPerProcess {
    const BREAKS: &'static [&'static str] = &["counter/processes"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        self.0.with(sound.id.process, sound, incr_slowly(sound, key, ttl)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ExtendsTheTtl;
#[async_trait]
impl Defect for ExtendsTheTtl {
    const BREAKS: &'static [&'static str] = &["counter/ttl-of-creator", "counter/lost-ttl"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        let count = sound.counter.incr(key, ttl).await?;
        if let Some((body, _)) = sound.raw(key).await {
            sound.put_raw(key, b'c', body, Some(ttl)).await;
        }
        Ok(count)
    }
}

#[derive(Debug, Default)]
pub(crate) struct NeverExpires;
#[async_trait]
impl Defect for NeverExpires {
    const BREAKS: &'static [&'static str] = &["counter/ttl-of-creator", "counter/restarts", "counter/lost-ttl"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        check_ttl(ttl, "memory", "incr")?;
        sound.counter.incr(key, HOUR).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ExpiresAtOnce;
#[async_trait]
impl Defect for ExpiresAtOnce {
    const BREAKS: &'static [&'static str] = &["counter/ttl-not-early", "counter/restarts", "counter/lost-ttl"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        let count = sound.counter.incr(key, ttl).await?;
        if ttl.as_secs() == 0 {
            sound.store.delete(key).await?;
        }
        Ok(count)
    }
}

/// A counter that was created again does not expire.
#[derive(Debug, Default)]
pub(crate) struct ExpiresOnlyOnce(Mutex<HashSet<Key>>);
#[async_trait]
impl Defect for ExpiresOnlyOnce {
    const BREAKS: &'static [&'static str] = &["counter/restarts"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        check_ttl(ttl, "memory", "incr")?;
        let creates = sound.raw(key).await.is_none();
        let first = !creates || self.0.lock().expect("no holder of the lock panics").insert(key.clone());
        sound.counter.incr(key, if first { ttl } else { HOUR }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct DoesNotRestoreALostTtl;
#[async_trait]
impl Defect for DoesNotRestoreALostTtl {
    const BREAKS: &'static [&'static str] = &["counter/lost-ttl"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        let lost = matches!(sound.raw(key).await, Some((_, None)));
        let count = sound.counter.incr(key, ttl).await?;
        if let Some((body, _)) = sound.raw(key).await.filter(|_| lost) {
            sound.put_raw(key, b'c', body, None).await;
        }
        Ok(count)
    }
}

#[derive(Debug, Default)]
pub(crate) struct AcceptsTtlZero;
#[async_trait]
impl Defect for AcceptsTtlZero {
    const BREAKS: &'static [&'static str] = &["counter/ttl-zero"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        sound.counter.incr(key, if ttl.is_zero() { HOUR } else { ttl }).await
    }
}

/// A call that is refused for its ttl counts nevertheless.
#[derive(Debug, Default)]
pub(crate) struct CountsRefusedCalls;
#[async_trait]
impl Defect for CountsRefusedCalls {
    const BREAKS: &'static [&'static str] = &["counter/ttl-zero"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        let count = sound.counter.incr(key, if ttl.is_zero() { HOUR } else { ttl }).await?;
        check_ttl(ttl, "memory", "incr").map(|()| count)
    }
}

/// All keys of a clause are one counter.
#[derive(Debug, Default)]
pub(crate) struct SharesOneCounterForAllKeys;
#[async_trait]
impl Defect for SharesOneCounterForAllKeys {
    const BREAKS: &'static [&'static str] = &[
        "counter/keys-apart",
        "counter/delete",
        "counter/lost-ttl",
        "counter/plain-access",
        "counter/foreign-value",
        "pacer/other-facet",
        "leases/other-facet",
        "versioned/other-facet",
    ];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        let text = format!("{key:?}");
        let together = text.rsplit_once(':').map_or("", |(all, _)| all);
        sound.counter.incr(&Key::new("together").part(together), ttl).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsDeletedCounters;
#[async_trait]
impl Defect for KeepsDeletedCounters {
    const BREAKS: &'static [&'static str] = &["counter/delete"];
    async fn delete(&self, sound: &SoundClient, key: &Key) -> Result<(), StoreError> {
        if sound.tag(key).await == Some(b'c') { Ok(()) } else { sound.store.delete(key).await }
    }
}

#[derive(Debug, Default)]
pub(crate) struct CountsOverPlainValues;
#[async_trait]
impl Defect for CountsOverPlainValues {
    const BREAKS: &'static [&'static str] =
        &["counter/foreign-value", "pacer/other-facet", "leases/other-facet", "versioned/other-facet"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        let counted = sound.counter.incr(key, ttl).await;
        if is_corrupt(&counted) {
            sound.store.delete(key).await?;
            return sound.counter.incr(key, ttl).await;
        }
        counted
    }
}

#[derive(Debug, Default)]
pub(crate) struct CountsOnFromPlainNumbers;
#[async_trait]
impl Defect for CountsOnFromPlainNumbers {
    const BREAKS: &'static [&'static str] = &["counter/foreign-value"];
    async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Count {
        let counted = sound.counter.incr(key, ttl).await;
        if is_corrupt(&counted)
            && let Ok(Some(value)) = sound.store.get(key).await
            && let Some(count) = std::str::from_utf8(&value).ok().and_then(|text| text.parse::<u64>().ok())
        {
            sound.store.set(key, (count + 1).to_string().into(), Some(ttl)).await?;
            return Ok(count + 1);
        }
        counted
    }
}
