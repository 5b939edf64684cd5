//! The store: what a driver implements and the library uses.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Counter, Key, Leases, Pacer, StoreError, StoreLimits, Versioned};

/// A key-value store that the processes of a fleet share, with up to four atomic facets.
///
/// All calls of one API have one throttle, one session and one cache for the whole fleet if they use a store. Most
/// drivers implement [`Cells`](crate::Cells) and [`CellStore`](crate::CellStore), which together implement this trait.
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
/// * `get` after `set` returns the same bytes. It returns `Ok(None)` for a missing or expired value, but not for an
///   empty value.
/// * `set` replaces the value **and** its ttl. Without a ttl the value lives until it is deleted.
/// * A ttl of zero fails as [`InvalidConfig`](crate::StoreErrorKind::InvalidConfig). A backend with a coarser unit of
///   time rounds the ttl up.
/// * `delete` of a missing value is `Ok`.
/// * A value is plain or belongs to one facet, for its whole life. `get` and `set` of a value that belongs to a facet
///   fail as [`Corrupt`](crate::StoreErrorKind::Corrupt), and so do the operations of a facet on any other value. Such
///   a failure does not change the value. `delete` removes a value of any kind.
/// * The driver accepts every [`Key`] whose [`rendered_len`](Key::rendered_len) is within
///   [`max_key`](StoreLimits::max_key), and every value within [`max_value`](StoreLimits::max_value). It refuses longer
///   keys and values as [`TooLarge`](crate::StoreErrorKind::TooLarge) and changes nothing. It puts its own
///   [`Prefix`](crate::Prefix) before the key.
/// * If a future is dropped, its operation is done as a whole or not at all, and the store stays usable.
/// * The **driver** deletes expired values, or the backend does. The library has no clean-up task.
/// * A driver spawns no task unless its documentation says so. A task that its client needs (a connection of tokio)
///   runs on the runtime in which the client was created or used, not on the library's [`Runtime`](crate::Runtime).
///
/// # Facets
///
/// A facet is an optional ability of a store: [`Counter`], [`Pacer`], [`Leases`] or [`Versioned`]. Each of its
/// operations is atomic and uses the store's own clock. The facets of a store must not change, because the library
/// calls each accessor only **once**. By default an accessor returns `None`: the store does not have the facet. A
/// wrapper around a store must forward every accessor (`#[deny(clippy::missing_trait_methods)]` enforces it).
///
/// [`verify_store_contract`](https://docs.rs/stitchapi-testing) tests a driver against this contract.
#[async_trait]
pub trait StitchStore: Debug + Send + Sync + 'static {
    /// Returns a short lower-case name for messages and events, such as `memory`, `sqlite` or `redis`.
    fn name(&self) -> &'static str;

    /// Returns the limits of the backend and the promises that it makes.
    fn limits(&self) -> StoreLimits;

    /// Reads the value under `key`. Returns `None` if there is no value.
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError>;

    /// Stores `value` under `key`, for `ttl`, or without a `ttl` until it is deleted.
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError>;

    /// Removes the value under `key`, of whatever kind.
    async fn delete(&self, key: &Key) -> Result<(), StoreError>;

    /// Returns the facet that counts, if the store has it.
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        None
    }

    /// Returns the facet that books start times, if the store has it.
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn Pacer>> {
        None
    }

    /// Returns the facet that grants leases, if the store has it.
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        None
    }

    /// Returns the facet that compares versions before it writes, if the store has it.
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
