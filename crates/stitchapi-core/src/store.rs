//! What a store is.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Counter, Key, Leases, Pacer, StoreError, StoreErrorKind, Versioned};

/// A place that several processes share: what makes a seam's throttle, sessions and cache fleet-wide.
///
/// # Contract
///
/// * `get` after `set` gives the same bytes; a missing or expired value is `Ok(None)`, an empty value is a value.
/// * `set` replaces value **and** ttl: without a ttl the value stays until it is deleted.
/// * A ttl of zero is [`InvalidConfig`](StoreErrorKind::InvalidConfig). A ttl in a coarser unit is rounded up.
/// * `delete` of a missing value is `Ok`.
/// * A key is plain or belongs to a facet, for life. Plain access to a facet's key is
///   [`Corrupt`](StoreErrorKind::Corrupt), the other way round too, and leaves the value as it was.
/// * Any [`Key`] whose [`rendered_len`](Key::rendered_len) is within [`StoreLimits::max_key`] is taken as it is; the
///   driver puts its own [`Prefix`](crate::Prefix) before it.
/// * A dropped future leaves the operation done or not done, never half done, and the store usable.
///
/// # Facets
///
/// A facet is there or it is not: the accessor is asked **once**, when the seam is built. Every operation of a facet
/// is atomic on the store's own clock. An accessor that is not overridden says that the store has no such facet;
/// wrappers must forward all of them (`#[deny(clippy::missing_trait_methods)]`).
///
/// [`verify_store_contract`](https://docs.rs/stitchapi-testing) checks every sentence of this.
#[async_trait]
pub trait StitchStore: Debug + Send + Sync + 'static {
    /// A short name for messages and events: `memory`, `sqlite`, `redis`.
    fn name(&self) -> &'static str;

    /// What the backend takes and promises.
    fn limits(&self) -> StoreLimits;

    /// The value under `key`.
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError>;

    /// Puts `value` under `key`, for `ttl` or until deleted.
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError>;

    /// Removes the value under `key`, whatever sort it is.
    async fn delete(&self, key: &Key) -> Result<(), StoreError>;

    /// The facet that counts.
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        None
    }

    /// The facet that paces.
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn Pacer>> {
        None
    }

    /// The facet that lends.
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        None
    }

    /// The facet that compares before it writes.
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

/// What a backend takes and promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLimits {
    /// The longest key, in bytes, the driver's prefix not counted. The library hashes what is longer.
    pub max_key: usize,
    /// The longest value, in bytes.
    pub max_value: usize,
    /// Whether the backend may lose what it was told (a restart, a failover, an eviction).
    pub volatile: bool,
    /// How long the library waits for one operation: 250 ms for most, 2 s for stores over HTTP.
    pub timeout: Duration,
    /// Whether the store's time is the very clock of the processes that use it, microsecond by microsecond: the machine's
    /// boot clock. Then nobody estimates how far the two are apart.
    pub boot_clock: bool,
}

impl StoreLimits {
    /// No bound on keys and values, nothing lost while the store lives, 250 ms an operation.
    #[must_use]
    pub const fn unlimited() -> Self {
        let timeout = Duration::from_millis(250);
        Self { max_key: usize::MAX, max_value: usize::MAX, volatile: false, timeout, boot_clock: false }
    }

    /// Bounds keys and values, in bytes.
    #[must_use]
    pub const fn with_sizes(mut self, max_key: usize, max_value: usize) -> Self {
        self.max_key = max_key;
        self.max_value = max_value;
        self
    }

    /// Says that the backend may lose what it was told.
    #[must_use]
    pub const fn with_volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Says that the store's time is the machine's boot clock.
    #[must_use]
    pub const fn with_boot_clock(mut self) -> Self {
        self.boot_clock = true;
        self
    }

    /// How long the library waits for one operation.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Refuses a ttl of zero, for drivers: the first thing `set` and `incr` do.
///
/// # Errors
///
/// [`InvalidConfig`](StoreErrorKind::InvalidConfig) if `ttl` is zero.
pub fn check_ttl(
    ttl: impl Into<Option<Duration>>,
    store: &'static str,
    operation: &'static str,
) -> Result<(), StoreError> {
    match ttl.into() {
        Some(Duration::ZERO) => {
            Err(StoreError::new(StoreErrorKind::InvalidConfig, store, operation).with_reason("a ttl of zero"))
        }
        _ => Ok(()),
    }
}

/// Refuses a limit of zero, for drivers: the first thing `acquire` does.
///
/// # Errors
///
/// [`InvalidConfig`](StoreErrorKind::InvalidConfig) if `limit` is zero.
pub fn check_limit(limit: u32, store: &'static str, operation: &'static str) -> Result<(), StoreError> {
    if limit == 0 {
        return Err(StoreError::new(StoreErrorKind::InvalidConfig, store, operation).with_reason("a limit of zero"));
    }
    Ok(())
}
