//! The facet that compares before it writes.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Key, StoreError, Version};

/// Keeps values that are written only over the state that their writer has seen.
///
/// * What [`write_if`](Self::write_if) has written, everybody [reads](Self::read) from then on.
/// * A key is versioned or not, for life: any other access to a versioned value is
///   [`Corrupt`](crate::StoreErrorKind::Corrupt), and so is this access to any other value; it is left as it was.
///   [`StitchStore::delete`](crate::StitchStore::delete) removes either.
/// * A dropped operation is done as a whole or not at all.
#[async_trait]
pub trait Versioned: Debug + Send + Sync + 'static {
    /// The value under `key` and its version; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) if the value is not a versioned one.
    async fn read(&self, key: &Key) -> Result<Option<(Bytes, Version)>, StoreError>;

    /// Writes `value` as the version `new`, to live for `ttl` or until deleted, if the stored version is `expected`;
    /// `None` expects that there is no value.
    ///
    /// Says whether the stored version is `new` now: also if it already was, so it may be repeated after a lost answer.
    /// Such a repetition writes nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::StoreErrorKind::InvalidConfig) for a ttl of zero,
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) if the value there is not a versioned one.
    async fn write_if(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &Version,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError>;
}
