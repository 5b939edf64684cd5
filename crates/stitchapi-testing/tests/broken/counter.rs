//! Stores that miscount.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{Key, StitchStore, StoreError, async_trait, check_ttl};

use crate::fault::Fault;
use crate::good::{Good, Lock, is_corrupt};

type Count = Result<u64, StoreError>;

const HOUR: Duration = Duration::from_secs(3600);

/// Reads, lets others run, and writes.
async fn incr_slowly(good: &Good, key: &Key, ttl: Duration) -> Count {
    check_ttl(ttl, "memory", "incr")?;
    let Some((body, left)) = good.raw(key).await else {
        good.pause().await;
        good.put_raw(key, b'c', Bytes::copy_from_slice(&1_u64.to_be_bytes()), Some(ttl)).await;
        return Ok(1);
    };
    if good.store.get(key).await.is_ok() {
        return good.counter.incr(key, ttl).await;
    }
    let Ok(count) = <[u8; 8]>::try_from(&body[..]) else { return good.counter.incr(key, ttl).await };
    let count = u64::from_be_bytes(count) + 1;
    good.pause().await;
    good.put_raw(key, b'c', Bytes::copy_from_slice(&count.to_be_bytes()), Some(left.unwrap_or(ttl))).await;
    Ok(count)
}

#[derive(Debug, Default)]
pub(crate) struct StartsAtZero;
#[async_trait]
impl Fault for StartsAtZero {
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
    ];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        Ok(good.counter.incr(key, ttl).await? - 1)
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReadsThenWrites;
#[async_trait]
impl Fault for ReadsThenWrites {
    const BREAKS: &'static [&'static str] = &["counter/concurrent", "counter/two-clients", "counter/processes"];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        incr_slowly(good, key, ttl).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LocksInTheClient(Lock);
#[async_trait]
impl Fault for LocksInTheClient {
    const BREAKS: &'static [&'static str] = &["counter/two-clients", "counter/processes"];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        self.0.with(good.id.client, good, incr_slowly(good, key, ttl)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LocksInTheProcess(Lock);
#[async_trait]
impl Fault for LocksInTheProcess {
    const BREAKS: &'static [&'static str] = &["counter/processes"];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        self.0.with(good.id.process, good, incr_slowly(good, key, ttl)).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ExtendsTheTtl;
#[async_trait]
impl Fault for ExtendsTheTtl {
    const BREAKS: &'static [&'static str] = &["counter/ttl-of-creator", "counter/lost-ttl"];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        let count = good.counter.incr(key, ttl).await?;
        if let Some((body, _)) = good.raw(key).await {
            good.put_raw(key, b'c', body, Some(ttl)).await;
        }
        Ok(count)
    }
}

#[derive(Debug, Default)]
pub(crate) struct NeverEnds;
#[async_trait]
impl Fault for NeverEnds {
    const BREAKS: &'static [&'static str] = &["counter/ttl-of-creator", "counter/restarts", "counter/lost-ttl"];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        check_ttl(ttl, "memory", "incr")?;
        good.counter.incr(key, HOUR).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct EndsAtOnce;
#[async_trait]
impl Fault for EndsAtOnce {
    const BREAKS: &'static [&'static str] = &["counter/ttl-not-early", "counter/restarts", "counter/lost-ttl"];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        let count = good.counter.incr(key, ttl).await?;
        if ttl.as_secs() == 0 {
            good.store.delete(key).await?;
        }
        Ok(count)
    }
}

/// Its second life has no end.
#[derive(Debug, Default)]
pub(crate) struct EndsOnce(Mutex<HashSet<Key>>);
#[async_trait]
impl Fault for EndsOnce {
    const BREAKS: &'static [&'static str] = &["counter/restarts"];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        check_ttl(ttl, "memory", "incr")?;
        let creates = good.raw(key).await.is_none();
        let first = !creates || self.0.lock().expect("nobody panics with it").insert(key.clone());
        good.counter.incr(key, if first { ttl } else { HOUR }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LeavesALostTtlLost;
#[async_trait]
impl Fault for LeavesALostTtlLost {
    const BREAKS: &'static [&'static str] = &["counter/lost-ttl"];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        let lost = matches!(good.raw(key).await, Some((_, None)));
        let count = good.counter.incr(key, ttl).await?;
        if let Some((body, _)) = good.raw(key).await.filter(|_| lost) {
            good.put_raw(key, b'c', body, None).await;
        }
        Ok(count)
    }
}

#[derive(Debug, Default)]
pub(crate) struct CountsWithATtlOfZero;
#[async_trait]
impl Fault for CountsWithATtlOfZero {
    const BREAKS: &'static [&'static str] = &["counter/ttl-zero"];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        good.counter.incr(key, if ttl.is_zero() { HOUR } else { ttl }).await
    }
}

/// What a refused call counted stays counted.
#[derive(Debug, Default)]
pub(crate) struct CountsRefusedCalls;
#[async_trait]
impl Fault for CountsRefusedCalls {
    const BREAKS: &'static [&'static str] = &["counter/ttl-zero"];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        let count = good.counter.incr(key, if ttl.is_zero() { HOUR } else { ttl }).await?;
        check_ttl(ttl, "memory", "incr").map(|()| count)
    }
}

/// All the keys of one scene are one counter.
#[derive(Debug, Default)]
pub(crate) struct CountsKeysTogether;
#[async_trait]
impl Fault for CountsKeysTogether {
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
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        let text = format!("{key:?}");
        let together = text.rsplit_once(':').map_or("", |(all, _)| all);
        good.counter.incr(&Key::new("together").part(together), ttl).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsDeletedCounters;
#[async_trait]
impl Fault for KeepsDeletedCounters {
    const BREAKS: &'static [&'static str] = &["counter/delete"];
    async fn delete(&self, good: &Good, key: &Key) -> Result<(), StoreError> {
        if good.tag(key).await == Some(b'c') { Ok(()) } else { good.store.delete(key).await }
    }
}

#[derive(Debug, Default)]
pub(crate) struct CountsOverValues;
#[async_trait]
impl Fault for CountsOverValues {
    const BREAKS: &'static [&'static str] =
        &["counter/foreign-value", "pacer/other-facet", "leases/other-facet", "versioned/other-facet"];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        let counted = good.counter.incr(key, ttl).await;
        if is_corrupt(&counted) {
            good.store.delete(key).await?;
            return good.counter.incr(key, ttl).await;
        }
        counted
    }
}

#[derive(Debug, Default)]
pub(crate) struct CountsOnFromText;
#[async_trait]
impl Fault for CountsOnFromText {
    const BREAKS: &'static [&'static str] = &["counter/foreign-value"];
    async fn incr(&self, good: &Good, key: &Key, ttl: Duration) -> Count {
        let counted = good.counter.incr(key, ttl).await;
        if is_corrupt(&counted)
            && let Ok(Some(value)) = good.store.get(key).await
            && let Some(count) = std::str::from_utf8(&value).ok().and_then(|text| text.parse::<u64>().ok())
        {
            good.store.set(key, (count + 1).to_string().into(), Some(ttl)).await?;
            return Ok(count + 1);
        }
        counted
    }
}
