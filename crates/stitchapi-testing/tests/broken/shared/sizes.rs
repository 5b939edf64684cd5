//! Stores that enforce `max_key` or `max_value` wrongly.

use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{Key, StitchStore as _, StoreError, StoreErrorKind, async_trait};

use crate::harness::{Defect, MAX_KEY, MAX_VALUE, SoundClient};

type Done = Result<(), StoreError>;

const LARGEST_VALUES: &[&str] = &["plain/largest-value", "versioned/largest-value"];

#[derive(Debug, Default)]
pub(crate) struct AcceptsKeysOfAnyLength;
#[async_trait]
impl Defect for AcceptsKeysOfAnyLength {
    const BREAKS: &'static [&'static str] = &["key/too-long"];
    fn check_key(&self, _: &Key, _: &'static str) -> Done {
        Ok(())
    }
}

/// Settlements and releases do not check the key.
#[derive(Debug, Default)]
pub(crate) struct ChecksTheKeyOfSomeOperations;
#[async_trait]
impl Defect for ChecksTheKeyOfSomeOperations {
    const BREAKS: &'static [&'static str] = &["key/too-long"];
    fn check_key(&self, key: &Key, operation: &'static str) -> Done {
        if key.rendered_len() <= MAX_KEY || ["settle", "release"].contains(&operation) {
            return Ok(());
        }
        Err(StoreError::new(StoreErrorKind::TooLarge, "memory", operation))
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReportsLongKeysAsInvalid;
#[async_trait]
impl Defect for ReportsLongKeysAsInvalid {
    const BREAKS: &'static [&'static str] = &["key/too-long"];
    fn check_key(&self, key: &Key, operation: &'static str) -> Done {
        if key.rendered_len() <= MAX_KEY {
            return Ok(());
        }
        Err(StoreError::new(StoreErrorKind::InvalidConfig, "memory", operation))
    }
}

#[derive(Debug, Default)]
pub(crate) struct AcceptsValuesOfAnySize;
#[async_trait]
impl Defect for AcceptsValuesOfAnySize {
    const BREAKS: &'static [&'static str] = LARGEST_VALUES;
    fn check_value(&self, _: &Bytes, _: &'static str) -> Done {
        Ok(())
    }
}

/// Counts the ten bytes of the envelope as part of the value.
#[derive(Debug, Default)]
pub(crate) struct CountsTheEnvelope;
#[async_trait]
impl Defect for CountsTheEnvelope {
    const BREAKS: &'static [&'static str] = LARGEST_VALUES;
    fn check_value(&self, value: &Bytes, operation: &'static str) -> Done {
        if value.len() + 10 <= MAX_VALUE {
            return Ok(());
        }
        Err(StoreError::new(StoreErrorKind::TooLarge, "memory", operation))
    }
}

#[derive(Debug, Default)]
pub(crate) struct TruncatesLargeValues;
#[async_trait]
impl Defect for TruncatesLargeValues {
    const BREAKS: &'static [&'static str] = &["plain/largest-value"];
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Option<Duration>) -> Done {
        sound.store.set(key, value.slice(..value.len().min(MAX_VALUE - 1)), ttl).await
    }
}

/// Deletes the stored value when it refuses a larger one.
#[derive(Debug, Default)]
pub(crate) struct DeletesOnARefusedSet;
#[async_trait]
impl Defect for DeletesOnARefusedSet {
    const BREAKS: &'static [&'static str] = LARGEST_VALUES;
    fn check_value(&self, value: &Bytes, operation: &'static str) -> Done {
        if value.len() <= MAX_VALUE || operation == "set" {
            return Ok(());
        }
        // A versioned value is refused, but reported as invalid.
        Err(StoreError::new(StoreErrorKind::InvalidConfig, "memory", operation))
    }
    async fn set(&self, sound: &SoundClient, key: &Key, value: Bytes, ttl: Option<Duration>) -> Done {
        if value.len() <= MAX_VALUE {
            return sound.store.set(key, value, ttl).await;
        }
        sound.store.delete(key).await?;
        Err(StoreError::new(StoreErrorKind::TooLarge, "memory", "set"))
    }
}
