//! Stores that compare wrongly before they write, or not at all.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{Key, StitchStore, StoreError, StoreErrorKind, Version, async_trait};

use crate::fault::Fault;
use crate::good::{Good, Lock, Write, is_corrupt};

type Read = Result<Option<(Bytes, Version)>, StoreError>;
type Written = Result<bool, StoreError>;
type Done = Result<(), StoreError>;

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(crate) struct ReadsAbsentAsEmpty;
#[async_trait]
impl Fault for ReadsAbsentAsEmpty {
    const BREAKS: &'static [&'static str] = &[
        "leases/processes",
        "versioned/absent-is-none",
        "versioned/not-there",
        "versioned/processes",
        "versioned/delete",
        "versioned/ttl-ends",
        "versioned/write-resets-ttl",
        "versioned/ttl-kept",
        "versioned/ttl-zero",
    ];
    async fn read(&self, good: &Good, key: &Key) -> Read {
        let nothing = (Bytes::new(), Version::from_bytes([0; 16]));
        Ok(good.versioned.read(key).await?.or(Some(nothing)))
    }
}

/// Each client goes on with the first that it saw.
#[derive(Debug, Default)]
pub(crate) struct ReadsFromTheClientsMemory(Mutex<HashMap<(usize, Key), (Bytes, Version)>>);
#[async_trait]
impl Fault for ReadsFromTheClientsMemory {
    const BREAKS: &'static [&'static str] = &[
        "leases/processes",
        "versioned/replace",
        "versioned/another-version",
        "versioned/own-write",
        "versioned/concurrent",
        "versioned/processes",
        "versioned/any-bytes",
        "versioned/dropped",
    ];
    async fn read(&self, good: &Good, key: &Key) -> Read {
        let place = (good.id.client, key.clone());
        let seen = self.0.lock().expect("nobody panics with it").get(&place).cloned();
        let read = good.versioned.read(key).await?;
        if let Some(read) = &read {
            self.0.lock().expect("nobody panics with it").entry(place).or_insert_with(|| read.clone());
        }
        Ok(read.map(|read| seen.unwrap_or(read)))
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTheFirstVersion;
#[async_trait]
impl Fault for KeepsTheFirstVersion {
    const BREAKS: &'static [&'static str] = &[
        "versioned/replace",
        "versioned/another-version",
        "versioned/own-write",
        "versioned/concurrent",
        "versioned/any-bytes",
        "versioned/dropped",
        "versioned/ttl-kept",
    ];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let before = good.version(key).await;
        let (value, ttl) = (write.value.clone(), write.ttl);
        let written = good.write_if(key, write).await?;
        if let Some((version, _)) = before.filter(|_| written) {
            good.put_version(key, &version, &value, ttl).await;
        }
        Ok(written)
    }
}

#[derive(Debug, Default)]
pub(crate) struct WritesOverAnyVersion;
#[async_trait]
impl Fault for WritesOverAnyVersion {
    const BREAKS: &'static [&'static str] =
        &["versioned/another-version", "versioned/concurrent", "versioned/for-life", "versioned/keys-apart"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let stored = good.version(key).await.map(|(version, _)| version);
        let expected = write.expected.and(stored).or(write.expected);
        good.write_if(key, Write { expected, ..write }).await
    }
}

/// It writes, and says that it has not.
#[derive(Debug, Default)]
pub(crate) struct WritesWhatItRefuses;
#[async_trait]
impl Fault for WritesWhatItRefuses {
    const BREAKS: &'static [&'static str] = &[
        "versioned/another-version",
        "versioned/not-there",
        "versioned/concurrent",
        "versioned/for-life",
        "versioned/keys-apart",
        "versioned/delete",
    ];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let written = good.write_if(key, write.clone()).await?;
        if !written && write.expected.is_some() {
            good.put_version(key, &write.new, &write.value, write.ttl).await;
        }
        Ok(written)
    }
}

#[derive(Debug, Default)]
pub(crate) struct TakesNoneForAnything;
#[async_trait]
impl Fault for TakesNoneForAnything {
    const BREAKS: &'static [&'static str] = &[
        "versioned/not-absent",
        "versioned/concurrent",
        "versioned/for-life",
        "versioned/empty-value",
        "versioned/ttl-kept",
    ];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let stored = good.version(key).await.map(|(version, _)| version);
        good.write_if(key, Write { expected: write.expected.or(stored), ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct CreatesWhatIsGone;
#[async_trait]
impl Fault for CreatesWhatIsGone {
    const BREAKS: &'static [&'static str] = &["versioned/not-there", "versioned/delete"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let stored = good.version(key).await;
        good.write_if(key, Write { expected: write.expected.filter(|_| stored.is_some()), ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct RefusesItsOwnWrite;
#[async_trait]
impl Fault for RefusesItsOwnWrite {
    const BREAKS: &'static [&'static str] = &["versioned/own-write"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let stored = good.version(key).await.map(|(version, _)| version);
        let own = stored == Some(write.new) && write.expected != stored;
        Ok(good.write_if(key, write).await? && !own)
    }
}

#[derive(Debug, Default)]
pub(crate) struct RepeatsItsOwnWrite;
#[async_trait]
impl Fault for RepeatsItsOwnWrite {
    const BREAKS: &'static [&'static str] = &["versioned/own-write", "versioned/ttl-kept"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let written = good.write_if(key, write.clone()).await?;
        if written {
            good.put_version(key, &write.new, &write.value, write.ttl).await;
        }
        Ok(written)
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReadsThenWrites;
#[async_trait]
impl Fault for ReadsThenWrites {
    const BREAKS: &'static [&'static str] = &["versioned/concurrent", "versioned/processes"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        good.write_slowly(key, write).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LocksInTheProcess(Lock);
#[async_trait]
impl Fault for LocksInTheProcess {
    const BREAKS: &'static [&'static str] = &["versioned/processes"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        self.0.with(good.id.process, good, good.write_slowly(key, write)).await
    }
}

/// Compares how often a value was written, and a new one starts at one.
#[derive(Debug, Default)]
pub(crate) struct CountsVersions(Mutex<HashMap<(Key, Version), u64>>);
#[async_trait]
impl Fault for CountsVersions {
    const BREAKS: &'static [&'static str] = &["versioned/for-life"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let stored = good.version(key).await.map(|(version, _)| version);
        let number = |version| self.0.lock().expect("nobody panics with it").get(&(key.clone(), version)).copied();
        let [before, expected] = [stored, write.expected].map(|version| version.and_then(number));
        let same = before.is_some() && before == expected;
        let new = write.new;
        let written =
            good.write_if(key, Write { expected: if same { stored } else { write.expected }, ..write }).await?;
        if written && stored != Some(new) {
            self.0.lock().expect("nobody panics with it").insert((key.clone(), new), before.unwrap_or(0) + 1);
        }
        Ok(written)
    }
}

/// All the values of one scene are one.
#[derive(Debug, Default)]
pub(crate) struct KeepsKeysTogether;
impl KeepsKeysTogether {
    fn together(key: &Key) -> Key {
        let text = format!("{key:?}");
        Key::new("together").part(text.rsplit_once(':').map_or("", |(all, _)| all))
    }
}
#[async_trait]
impl Fault for KeepsKeysTogether {
    const BREAKS: &'static [&'static str] = &[
        "versioned/for-life",
        "versioned/keys-apart",
        "versioned/delete",
        "versioned/no-ttl-stays",
        "versioned/write-resets-ttl",
        "versioned/ttl-kept",
        "versioned/ttl-zero",
        "versioned/plain-access",
        "versioned/foreign-value",
        "versioned/other-facet",
    ];
    async fn read(&self, good: &Good, key: &Key) -> Read {
        good.versioned.read(&Self::together(key)).await
    }
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        good.write_if(&Self::together(key), write).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct TakesEmptyForAbsent;
#[async_trait]
impl Fault for TakesEmptyForAbsent {
    const BREAKS: &'static [&'static str] = &["versioned/replace", "versioned/empty-value"];
    async fn read(&self, good: &Good, key: &Key) -> Read {
        Ok(good.versioned.read(key).await?.filter(|(value, _)| !value.is_empty()))
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTextOnly;
#[async_trait]
impl Fault for KeepsTextOnly {
    const BREAKS: &'static [&'static str] = &["versioned/concurrent", "versioned/any-bytes"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let text = String::from_utf8_lossy(&write.value).into_owned();
        good.write_if(key, Write { value: text.into(), ..write }).await
    }
}

/// It writes a version as text, and a text ends with its first zero.
#[derive(Debug, Default)]
pub(crate) struct CutsVersions;
#[async_trait]
impl Fault for CutsVersions {
    const BREAKS: &'static [&'static str] = &["versioned/any-bytes"];
    async fn read(&self, good: &Good, key: &Key) -> Read {
        let cut = |version: Version| {
            let mut bytes = *version.as_bytes();
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            bytes[end..].fill(b' ');
            Version::from_bytes(bytes)
        };
        let ends = |version: &Version| version.as_bytes()[..2] == [0, 0] || version.as_bytes().starts_with(b"\r\n");
        let read = good.versioned.read(key).await?;
        Ok(read.map(|(value, version)| (value, if ends(&version) { cut(version) } else { version })))
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsDeletedValues;
#[async_trait]
impl Fault for KeepsDeletedValues {
    const BREAKS: &'static [&'static str] = &["versioned/for-life", "versioned/delete"];
    async fn delete(&self, good: &Good, key: &Key) -> Done {
        if good.tag(key).await == Some(b'v') { Ok(()) } else { good.store.delete(key).await }
    }
}

/// The version first, the value later.
#[derive(Debug, Default)]
pub(crate) struct WritesInTwoSteps;
#[async_trait]
impl Fault for WritesInTwoSteps {
    const BREAKS: &'static [&'static str] = &["versioned/processes", "versioned/dropped"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let before = good.version(key).await.map(|(version, _)| version);
        let old = good.versioned.read(key).await?.map_or(Bytes::new(), |(value, _)| value);
        let (value, ttl, new) = (write.value.clone(), write.ttl, write.new);
        let written = good.write_if(key, Write { value: old, ..write }).await?;
        if written && before != Some(new) {
            good.pause().await;
            good.put_version(key, &new, &value, ttl).await;
        }
        Ok(written)
    }
}

/// A dropped `write_if` leaves it locked.
#[derive(Debug, Default)]
pub(crate) struct LeavesALockBehind(AtomicBool);
#[async_trait]
impl Fault for LeavesALockBehind {
    const BREAKS: &'static [&'static str] = &["versioned/dropped"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        // Later clauses find it free again: a test of one fault is not a test of what follows from it.
        for _ in 0..100 {
            if !self.0.swap(true, Ordering::Relaxed) {
                good.pause().await;
                let done = good.write_if(key, write).await;
                self.0.store(false, Ordering::Relaxed);
                return done;
            }
            good.pause().await;
        }
        self.0.store(false, Ordering::Relaxed);
        Err(StoreError::new(StoreErrorKind::Contended, "memory", "write_if"))
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresTheTtl;
#[async_trait]
impl Fault for IgnoresTheTtl {
    const BREAKS: &'static [&'static str] = &["versioned/ttl-ends", "versioned/write-resets-ttl", "versioned/ttl-kept"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        good.write_if(key, Write { ttl: write.ttl.filter(Duration::is_zero), ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct EndsAtHalfTime;
#[async_trait]
impl Fault for EndsAtHalfTime {
    const BREAKS: &'static [&'static str] =
        &["versioned/ttl-not-early", "versioned/write-resets-ttl", "versioned/ttl-kept"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        good.write_if(key, Write { ttl: write.ttl.map(|ttl| ttl / 2), ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct HasADefaultTtl;
#[async_trait]
impl Fault for HasADefaultTtl {
    const BREAKS: &'static [&'static str] = &["versioned/no-ttl-stays"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        good.write_if(key, Write { ttl: write.ttl.or(Some(Duration::from_millis(200))), ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTheFirstTtl;
#[async_trait]
impl Fault for KeepsTheFirstTtl {
    const BREAKS: &'static [&'static str] = &["versioned/no-ttl-stays", "versioned/write-resets-ttl"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let left = good.version(key).await.and_then(|(_, left)| left);
        let ttl = write.ttl.filter(Duration::is_zero).or(left).or(write.ttl);
        good.write_if(key, Write { ttl, ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ExtendsTheTtlOfWhatItKeeps;
#[async_trait]
impl Fault for ExtendsTheTtlOfWhatItKeeps {
    const BREAKS: &'static [&'static str] = &["versioned/ttl-kept"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let (ttl, before) = (write.ttl, good.versioned.read(key).await?);
        let written = good.write_if(key, write).await?;
        if let Some((value, version)) = before
            && !written
        {
            good.put_version(key, &version, &value, ttl).await;
        }
        Ok(written)
    }
}

#[derive(Debug, Default)]
pub(crate) struct TakesATtlOfZeroForNone;
#[async_trait]
impl Fault for TakesATtlOfZeroForNone {
    const BREAKS: &'static [&'static str] = &["versioned/ttl-zero"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        good.write_if(key, Write { ttl: write.ttl.filter(|ttl| !ttl.is_zero()), ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct WritesWithATtlOfZero;
#[async_trait]
impl Fault for WritesWithATtlOfZero {
    const BREAKS: &'static [&'static str] = &["versioned/ttl-zero"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        if write.ttl.is_some_and(|ttl| ttl.is_zero()) {
            good.write_if(key, Write { ttl: Some(HOUR), ..write.clone() }).await?;
        }
        good.write_if(key, write).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct WritesOverValues;
#[async_trait]
impl Fault for WritesOverValues {
    const BREAKS: &'static [&'static str] = &["versioned/foreign-value", "versioned/other-facet"];
    async fn write_if(&self, good: &Good, key: &Key, write: Write) -> Written {
        let written = good.write_if(key, write.clone()).await;
        if is_corrupt(&written) {
            good.store.delete(key).await?;
            return good.write_if(key, write).await;
        }
        written
    }
}

/// The first sixteen bytes of a value are its version.
#[derive(Debug, Default)]
pub(crate) struct ReadsPlainValues;
#[async_trait]
impl Fault for ReadsPlainValues {
    const BREAKS: &'static [&'static str] = &["versioned/foreign-value"];
    async fn read(&self, good: &Good, key: &Key) -> Read {
        let read = good.versioned.read(key).await;
        if is_corrupt(&read)
            && let Ok(Some(value)) = good.store.get(key).await
            && let Some((version, body)) = value.split_first_chunk()
        {
            return Ok(Some((Bytes::copy_from_slice(body), Version::from_bytes(*version))));
        }
        read
    }
}
