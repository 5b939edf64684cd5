//! Stores that compare versions wrongly before they write.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use stitchapi_core::{Key, StitchStore, StoreError, StoreErrorKind, Version, async_trait};

use crate::harness::{Defect, Lock, SoundClient, WriteArgs, is_corrupt};

type Read = Result<Option<(Bytes, Version)>, StoreError>;
type Written = Result<bool, StoreError>;
type Done = Result<(), StoreError>;

#[derive(Debug, Default)]
pub(crate) struct ReturnsEmptyForAbsentValues;
#[async_trait]
impl Defect for ReturnsEmptyForAbsentValues {
    const BREAKS: &'static [&'static str] = &[
        "leases/processes",
        "versioned/absent-is-none",
        "versioned/replace-absent",
        "versioned/processes",
        "versioned/delete",
        "versioned/ttl-ends",
        "versioned/write-resets-ttl",
        "versioned/ttl-kept",
        "versioned/ttl-zero",
    ];
    async fn read(&self, sound: &SoundClient, key: &Key) -> Read {
        let nothing = (Bytes::new(), Version::from_bytes([0; 16]));
        Ok(sound.versioned.read(key).await?.or(Some(nothing)))
    }
}

/// Each client returns the first value that it read for as long as it lives.
#[derive(Debug, Default)]
pub(crate) struct CachesReadsInTheClient(Mutex<HashMap<(usize, Key), (Bytes, Version)>>);
#[async_trait]
impl Defect for CachesReadsInTheClient {
    const BREAKS: &'static [&'static str] = &[
        "leases/processes",
        "versioned/replace",
        "versioned/stale-version",
        "versioned/repeated-write",
        "versioned/concurrent",
        "versioned/processes",
        "versioned/any-bytes",
        "versioned/dropped",
        "versioned/clock-back",
    ];
    async fn read(&self, sound: &SoundClient, key: &Key) -> Read {
        let slot = (sound.id.client, key.clone());
        let seen = self.0.lock().expect("no holder of the lock panics").get(&slot).cloned();
        let read = sound.versioned.read(key).await?;
        if let Some(read) = &read {
            self.0.lock().expect("no holder of the lock panics").entry(slot).or_insert_with(|| read.clone());
        }
        Ok(read.map(|read| seen.unwrap_or(read)))
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTheFirstVersion;
#[async_trait]
impl Defect for KeepsTheFirstVersion {
    const BREAKS: &'static [&'static str] = &[
        "versioned/replace",
        "versioned/stale-version",
        "versioned/repeated-write",
        "versioned/concurrent",
        "versioned/any-bytes",
        "versioned/dropped",
        "versioned/ttl-kept",
        "versioned/clock-back",
    ];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let before = sound.version(key).await;
        let (value, ttl) = (write.value.clone(), write.ttl);
        let written = sound.write_if(key, write).await?;
        if let Some((version, _)) = before.filter(|_| written) {
            sound.put_version(key, &version, &value, ttl).await;
        }
        Ok(written)
    }
}

#[derive(Debug, Default)]
pub(crate) struct WritesOverAnyVersion;
#[async_trait]
impl Defect for WritesOverAnyVersion {
    const BREAKS: &'static [&'static str] =
        &["versioned/stale-version", "versioned/concurrent", "versioned/unique-versions", "versioned/keys-apart"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let stored = sound.version(key).await.map(|(version, _)| version);
        let expected = write.expected.and(stored).or(write.expected);
        sound.write_if(key, WriteArgs { expected, ..write }).await
    }
}

/// Writes and returns `false`.
#[derive(Debug, Default)]
pub(crate) struct WritesWhatItRefuses;
#[async_trait]
impl Defect for WritesWhatItRefuses {
    const BREAKS: &'static [&'static str] = &[
        "versioned/stale-version",
        "versioned/replace-absent",
        "versioned/concurrent",
        "versioned/unique-versions",
        "versioned/keys-apart",
        "versioned/delete",
    ];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let written = sound.write_if(key, write.clone()).await?;
        if !written && write.expected.is_some() {
            sound.put_version(key, &write.new, &write.value, write.ttl).await;
        }
        Ok(written)
    }
}

#[derive(Debug, Default)]
pub(crate) struct TreatsNoneAsAnyVersion;
#[async_trait]
impl Defect for TreatsNoneAsAnyVersion {
    const BREAKS: &'static [&'static str] = &[
        "versioned/create-over-value",
        "versioned/concurrent",
        "versioned/unique-versions",
        "versioned/empty-value",
        "versioned/ttl-kept",
    ];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let stored = sound.version(key).await.map(|(version, _)| version);
        sound.write_if(key, WriteArgs { expected: write.expected.or(stored), ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct CreatesAbsentValuesOverAVersion;
#[async_trait]
impl Defect for CreatesAbsentValuesOverAVersion {
    const BREAKS: &'static [&'static str] = &["versioned/replace-absent", "versioned/delete"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let stored = sound.version(key).await;
        sound.write_if(key, WriteArgs { expected: write.expected.filter(|_| stored.is_some()), ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct RefusesARepeatedWrite;
#[async_trait]
impl Defect for RefusesARepeatedWrite {
    const BREAKS: &'static [&'static str] = &["versioned/repeated-write"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let stored = sound.version(key).await.map(|(version, _)| version);
        let own = stored == Some(write.new) && write.expected != stored;
        Ok(sound.write_if(key, write).await? && !own)
    }
}

#[derive(Debug, Default)]
pub(crate) struct WritesARepeatedWriteAgain;
#[async_trait]
impl Defect for WritesARepeatedWriteAgain {
    const BREAKS: &'static [&'static str] = &["versioned/repeated-write", "versioned/ttl-kept"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let written = sound.write_if(key, write.clone()).await?;
        if written {
            sound.put_version(key, &write.new, &write.value, write.ttl).await;
        }
        Ok(written)
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReadsThenWrites;
#[async_trait]
impl Defect for ReadsThenWrites {
    const BREAKS: &'static [&'static str] = &["versioned/concurrent", "versioned/processes"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        sound.write_slowly(key, write).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LocksPerProcess(Lock);
#[async_trait]
impl Defect for LocksPerProcess {
    const BREAKS: &'static [&'static str] = &["versioned/processes"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        self.0.with(sound.id.process, sound, sound.write_slowly(key, write)).await
    }
}

/// Compares how often the value was written since it was created.
#[derive(Debug, Default)]
pub(crate) struct ComparesVersionCounts(Mutex<HashMap<(Key, Version), u64>>);
#[async_trait]
impl Defect for ComparesVersionCounts {
    const BREAKS: &'static [&'static str] = &["versioned/unique-versions"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let stored = sound.version(key).await.map(|(version, _)| version);
        let number =
            |version| self.0.lock().expect("no holder of the lock panics").get(&(key.clone(), version)).copied();
        let [before, expected] = [stored, write.expected].map(|version| version.and_then(number));
        let same = before.is_some() && before == expected;
        let new = write.new;
        let written =
            sound.write_if(key, WriteArgs { expected: if same { stored } else { write.expected }, ..write }).await?;
        if written && stored != Some(new) {
            self.0.lock().expect("no holder of the lock panics").insert((key.clone(), new), before.unwrap_or(0) + 1);
        }
        Ok(written)
    }
}

/// All keys of a clause are one value.
#[derive(Debug, Default)]
pub(crate) struct SharesOneValueForAllKeys;
impl SharesOneValueForAllKeys {
    fn together(key: &Key) -> Key {
        let text = format!("{key:?}");
        Key::new("together").part(text.rsplit_once(':').map_or("", |(all, _)| all))
    }
}
#[async_trait]
impl Defect for SharesOneValueForAllKeys {
    const BREAKS: &'static [&'static str] = &[
        "versioned/unique-versions",
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
    async fn read(&self, sound: &SoundClient, key: &Key) -> Read {
        sound.versioned.read(&Self::together(key)).await
    }
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        sound.write_if(&Self::together(key), write).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReturnsNoneForEmptyValues;
#[async_trait]
impl Defect for ReturnsNoneForEmptyValues {
    const BREAKS: &'static [&'static str] = &["versioned/replace", "versioned/empty-value"];
    async fn read(&self, sound: &SoundClient, key: &Key) -> Read {
        Ok(sound.versioned.read(key).await?.filter(|(value, _)| !value.is_empty()))
    }
}

#[derive(Debug, Default)]
pub(crate) struct StoresTextOnly;
#[async_trait]
impl Defect for StoresTextOnly {
    const BREAKS: &'static [&'static str] = &["versioned/concurrent", "versioned/any-bytes", "versioned/largest-value"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let text = String::from_utf8_lossy(&write.value).into_owned();
        sound.write_if(key, WriteArgs { value: text.into(), ..write }).await
    }
}

/// Stores a version as a text that ends at its first zero byte.
#[derive(Debug, Default)]
pub(crate) struct EndsVersionsAtAZeroByte;
#[async_trait]
impl Defect for EndsVersionsAtAZeroByte {
    const BREAKS: &'static [&'static str] = &["versioned/any-bytes"];
    async fn read(&self, sound: &SoundClient, key: &Key) -> Read {
        let cut = |version: Version| {
            let mut bytes = *version.as_bytes();
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            bytes[end..].fill(b' ');
            Version::from_bytes(bytes)
        };
        let ends = |version: &Version| version.as_bytes()[..2] == [0, 0] || version.as_bytes().starts_with(b"\r\n");
        let read = sound.versioned.read(key).await?;
        Ok(read.map(|(value, version)| (value, if ends(&version) { cut(version) } else { version })))
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsDeletedValues;
#[async_trait]
impl Defect for KeepsDeletedValues {
    const BREAKS: &'static [&'static str] = &["versioned/unique-versions", "versioned/delete"];
    async fn delete(&self, sound: &SoundClient, key: &Key) -> Done {
        if sound.tag(key).await == Some(b'v') { Ok(()) } else { sound.store.delete(key).await }
    }
}

/// Writes the version first and the value later.
#[derive(Debug, Default)]
pub(crate) struct WritesInTwoSteps;
#[async_trait]
impl Defect for WritesInTwoSteps {
    const BREAKS: &'static [&'static str] = &["versioned/processes", "versioned/dropped"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let before = sound.version(key).await.map(|(version, _)| version);
        let old = sound.versioned.read(key).await?.map_or(Bytes::new(), |(value, _)| value);
        let (value, ttl, new) = (write.value.clone(), write.ttl, write.new);
        let written = sound.write_if(key, WriteArgs { value: old, ..write }).await?;
        if written && before != Some(new) {
            sound.pause().await;
            sound.put_version(key, &new, &value, ttl).await;
        }
        Ok(written)
    }
}

/// A dropped `write_if` leaves the store locked.
#[derive(Debug, Default)]
pub(crate) struct KeepsALockAfterADrop(AtomicBool);
#[async_trait]
impl Defect for KeepsALockAfterADrop {
    const BREAKS: &'static [&'static str] = &["versioned/dropped"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        // The lock is released after 100 attempts, so that no later clause is affected.
        for _ in 0..100 {
            if !self.0.swap(true, Ordering::Relaxed) {
                sound.pause().await;
                let done = sound.write_if(key, write).await;
                self.0.store(false, Ordering::Relaxed);
                return done;
            }
            sound.pause().await;
        }
        self.0.store(false, Ordering::Relaxed);
        Err(StoreError::new(StoreErrorKind::Contended, "memory", "write_if"))
    }
}

#[derive(Debug, Default)]
pub(crate) struct WritesOverPlainValues;
#[async_trait]
impl Defect for WritesOverPlainValues {
    const BREAKS: &'static [&'static str] = &["versioned/foreign-value", "versioned/other-facet"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let written = sound.write_if(key, write.clone()).await;
        if is_corrupt(&written) {
            sound.store.delete(key).await?;
            return sound.write_if(key, write).await;
        }
        written
    }
}

/// Reads the first sixteen bytes of a plain value as its version.
#[derive(Debug, Default)]
pub(crate) struct ReadsPlainValues;
#[async_trait]
impl Defect for ReadsPlainValues {
    const BREAKS: &'static [&'static str] = &["versioned/foreign-value"];
    async fn read(&self, sound: &SoundClient, key: &Key) -> Read {
        let read = sound.versioned.read(key).await;
        if is_corrupt(&read)
            && let Ok(Some(value)) = sound.store.get(key).await
            && let Some((version, body)) = value.split_first_chunk()
        {
            return Ok(Some((Bytes::copy_from_slice(body), Version::from_bytes(*version))));
        }
        read
    }
}
