//! The store: what a driver implements and the library uses.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Counter, Key, Leases, Pacer, StoreError, StoreLimits, Versioned};

/// A key-value store that the processes of a fleet share, with up to four atomic facets.
///
/// A seam with a store has one throttle, one session and one cache for the whole fleet. Most drivers implement
/// [`Cells`](crate::Cells) and [`CellStore`](crate::CellStore) instead of this trait, and have it by that.
/// [`MemoryStore`](crate::MemoryStore) is the store within one process.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::{Key, MemoryStore, StitchStore};
///
/// # futures_executor::block_on(async {
/// let (store, key) = (MemoryStore::new(), Key::new("greeting"));
/// store.set(&key, "hello".into(), Some(Duration::from_secs(60))).await?;
/// assert_eq!(store.get(&key).await?.as_deref(), Some(&b"hello"[..]));
/// store.delete(&key).await?;
/// assert_eq!(store.get(&key).await?, None);
/// # Ok::<(), stitchapi_core::StoreError>(())
/// # }).unwrap();
/// ```
///
/// # Contract
///
/// * `get` after `set` returns the same bytes. A missing or expired value is `Ok(None)`; an empty value is a value.
/// * `set` replaces the value **and** its ttl: without a ttl the value lives until it is deleted.
/// * A ttl of zero is [`InvalidConfig`](crate::StoreErrorKind::InvalidConfig). A ttl in a coarser unit is rounded up.
/// * `delete` of a missing value is `Ok`.
/// * A key holds a plain value or the value of one facet, for its whole life. Plain access to the value of a facet fails
///   as [`Corrupt`](crate::StoreErrorKind::Corrupt), and so does access of a facet to another value; the value is not
///   changed. `delete` removes a value of any kind.
/// * The driver accepts every [`Key`] whose [`rendered_len`](Key::rendered_len) is within
///   [`max_key`](StoreLimits::max_key), and every value within [`max_value`](StoreLimits::max_value). It refuses longer
///   ones as [`TooLarge`](crate::StoreErrorKind::TooLarge), with nothing done. It puts its own
///   [`Prefix`](crate::Prefix) before the key.
/// * A dropped future leaves its operation done or not done, never half done, and the store usable.
/// * The **driver** deletes expired values, or the backend does. The library has no clean-up task.
/// * A driver spawns no task unless its documentation says so. A task that its client needs (a connection of tokio)
///   runs on the runtime in which the client was created or used, not on the library's [`Runtime`](crate::Runtime).
///
/// # Facets
///
/// A store has a facet or has it not: the library calls each accessor **once**, when the seam is built. Each operation of
/// a facet is atomic on the store's own clock. An accessor that is not overridden returns `None`, "no such facet";
/// a wrapper must forward all of them (`#[deny(clippy::missing_trait_methods)]`).
///
/// [`verify_store_contract`](https://docs.rs/stitchapi-testing) tests every sentence of this contract.
#[async_trait]
pub trait StitchStore: Debug + Send + Sync + 'static {
    /// A short lower-case name for messages and events: `memory`, `sqlite`, `redis`.
    fn name(&self) -> &'static str;

    /// The limits of the backend and the promises that it makes.
    fn limits(&self) -> StoreLimits;

    /// Reads the value under `key`; `None` if there is none.
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError>;

    /// Stores `value` under `key`, for `ttl` or until it is deleted.
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError>;

    /// Removes the value under `key`, plain or of any facet.
    async fn delete(&self, key: &Key) -> Result<(), StoreError>;

    /// Returns the facet that counts.
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        None
    }

    /// Returns the facet that books start times.
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn Pacer>> {
        None
    }

    /// Returns the facet that grants leases.
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        None
    }

    /// Returns the facet that compares versions before it writes.
    fn versioned(self: Arc<Self>) -> Option<Arc<dyn Versioned>> {
        None
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: StitchStore + ?Sized> StitchStore for Arc<S> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn limits(&self) -> StoreLimits {
        (**self).limits()
    }
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        (**self).get(key).await
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        (**self).set(key, value, ttl).await
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        (**self).delete(key).await
    }
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        Self::clone(&self).counter()
    }
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn Pacer>> {
        Self::clone(&self).pacer()
    }
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        Self::clone(&self).leases()
    }
    fn versioned(self: Arc<Self>) -> Option<Arc<dyn Versioned>> {
        Self::clone(&self).versioned()
    }
}
