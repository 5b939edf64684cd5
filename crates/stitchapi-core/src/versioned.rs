//! The facet that compares versions before it writes.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Key, StoreError, Version};

/// Compare-and-set of values, by the version that the writer has read.
///
/// * After [`write_if`](Self::write_if) returned `true`, every process [reads](Self::read) that value.
/// * A key is versioned for its whole life: any other access to a versioned value fails as
///   [`Corrupt`](crate::StoreErrorKind::Corrupt), and so do these operations on any other value; the value is not changed.
///   [`StitchStore::delete`](crate::StitchStore::delete) removes values of every kind.
/// * Cancellation: an operation whose future is dropped is done as a whole or not at all.
///
/// ```
/// use std::sync::Arc;
///
/// use stitchapi_core::{Key, MemoryStore, StitchStore, Version};
///
/// # futures_executor::block_on(async {
/// let versioned = Arc::new(MemoryStore::new()).versioned().expect("the memory store has every facet");
/// let (key, first, next) = (Key::new("session"), Version::from_bytes([1; 16]), Version::from_bytes([2; 16]));
///
/// assert!(versioned.write_if(&key, None, &first, "one".into(), None).await?);
/// assert!(versioned.write_if(&key, Some(&first), &next, "two".into(), None).await?);
/// assert!(!versioned.write_if(&key, Some(&first), &Version::from_bytes([3; 16]), "late".into(), None).await?);
/// assert_eq!(versioned.read(&key).await?, Some(("two".into(), next)));
/// # Ok::<(), stitchapi_core::StoreError>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait Versioned: Debug + Send + Sync + 'static {
    /// Reads the value under `key` and its version; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) if the value is not a versioned one.
    async fn read(&self, key: &Key) -> Result<Option<(Bytes, Version)>, StoreError>;

    /// Writes `value` with the version `new`, for `ttl` or until it is deleted, if the stored version is `expected`;
    /// `None` expects that there is no value.
    ///
    /// Returns `true` if the stored version is `new` afterwards. A repetition after a lost reply therefore returns `true`,
    /// too; it writes nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::StoreErrorKind::InvalidConfig) for a ttl of zero,
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) if the stored value is not a versioned one,
    /// [`TooLarge`](crate::StoreErrorKind::TooLarge) if `value` is longer than
    /// [`max_value`](crate::StoreLimits::max_value).
    async fn write_if(
        &self,
        key: &Key,
        expected: Option<&Version>,
        new: &Version,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<bool, StoreError>;
}
