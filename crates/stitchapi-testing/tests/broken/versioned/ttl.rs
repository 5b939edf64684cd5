//! Stores that handle the ttl of versioned values wrongly.

use std::time::Duration;

use stitchapi_core::{Key, StoreError, async_trait};

use crate::harness::{Defect, SoundClient, WriteArgs};

type Written = Result<bool, StoreError>;

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(crate) struct IgnoresTheTtl;
#[async_trait]
impl Defect for IgnoresTheTtl {
    const BREAKS: &'static [&'static str] = &["versioned/ttl-ends", "versioned/write-resets-ttl", "versioned/ttl-kept"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        sound.write_if(key, WriteArgs { ttl: write.ttl.filter(Duration::is_zero), ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ExpiresAtHalfOfTheTtl;
#[async_trait]
impl Defect for ExpiresAtHalfOfTheTtl {
    const BREAKS: &'static [&'static str] =
        &["versioned/ttl-not-early", "versioned/write-resets-ttl", "versioned/ttl-kept"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        sound.write_if(key, WriteArgs { ttl: write.ttl.map(|ttl| ttl / 2), ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct HasADefaultTtl;
#[async_trait]
impl Defect for HasADefaultTtl {
    const BREAKS: &'static [&'static str] = &["versioned/no-ttl-stays"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        sound.write_if(key, WriteArgs { ttl: write.ttl.or(Some(Duration::from_millis(200))), ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTheFirstTtl;
#[async_trait]
impl Defect for KeepsTheFirstTtl {
    const BREAKS: &'static [&'static str] = &["versioned/no-ttl-stays", "versioned/write-resets-ttl"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let left = sound.version(key).await.and_then(|(_, left)| left);
        let ttl = write.ttl.filter(Duration::is_zero).or(left).or(write.ttl);
        sound.write_if(key, WriteArgs { ttl, ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ExtendsTheTtlOnARefusedWrite;
#[async_trait]
impl Defect for ExtendsTheTtlOnARefusedWrite {
    const BREAKS: &'static [&'static str] = &["versioned/ttl-kept"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        let (ttl, before) = (write.ttl, sound.versioned.read(key).await?);
        let written = sound.write_if(key, write).await?;
        if let Some((value, version)) = before
            && !written
        {
            sound.put_version(key, &version, &value, ttl).await;
        }
        Ok(written)
    }
}

#[derive(Debug, Default)]
pub(crate) struct TreatsTtlZeroAsNoTtl;
#[async_trait]
impl Defect for TreatsTtlZeroAsNoTtl {
    const BREAKS: &'static [&'static str] = &["versioned/ttl-zero"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        sound.write_if(key, WriteArgs { ttl: write.ttl.filter(|ttl| !ttl.is_zero()), ..write }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct WritesOnARefusedTtlZero;
#[async_trait]
impl Defect for WritesOnARefusedTtlZero {
    const BREAKS: &'static [&'static str] = &["versioned/ttl-zero"];
    async fn write_if(&self, sound: &SoundClient, key: &Key, write: WriteArgs) -> Written {
        if write.ttl.is_some_and(|ttl| ttl.is_zero()) {
            sound.write_if(key, WriteArgs { ttl: Some(HOUR), ..write.clone() }).await?;
        }
        sound.write_if(key, write).await
    }
}
