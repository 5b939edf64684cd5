//! The [`Versioned`] facet, an optional ability of a store: it compares versions before it writes.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Key, StoreError, Version};

/// Compare-and-set of values, by the version that the writer has read.
///
/// * After [`write_if`](Self::write_if) has returned `true`, every process [reads](Self::read) the written value, until
///   it is replaced or deleted, or expires.
/// * A value keeps its kind for its whole life. Any other access to a versioned value fails as
///   [`Corrupt`](crate::StoreErrorKind::Corrupt), and so do the operations of this facet on a value of another kind.
///   Such a failure does not change the value. Only [`StitchStore::delete`](crate::StitchStore::delete) removes values
///   of every kind.
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
    /// Reads the value under `key` and its version. Returns `None` if there is no value.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) if the value under `key` is damaged or not versioned.
    async fn read(&self, key: &Key) -> Result<Option<(Bytes, Version)>, StoreError>;

    /// Writes `value` with the version `new` if the stored version is `expected`. An `expected` of `None` means that no
    /// value is stored. The value lives for `ttl`, or without a `ttl` until it is deleted.
    ///
    /// Returns `true` if the stored version is `new` afterwards. The caller may therefore repeat it after a lost reply:
    /// if the first attempt has stored `new`, the repetition writes nothing and returns `true`.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::StoreErrorKind::InvalidConfig) for a ttl of zero,
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) if the stored value is damaged or not versioned,
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
