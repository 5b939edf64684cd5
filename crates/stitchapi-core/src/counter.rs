//! The [`Counter`] facet, an optional ability of a store: it counts.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Key, StoreError};

/// Exact counter, shared by all processes.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use stitchapi_core::{Key, MemoryStore, StitchStore};
///
/// # futures_executor::block_on(async {
/// let counter = Arc::new(MemoryStore::new()).counter().expect("the memory store has every facet");
/// let (key, minute) = (Key::new("visits"), Duration::from_secs(60));
/// assert_eq!(counter.incr(&key, minute).await?, 1);
/// assert_eq!(counter.incr(&key, minute).await?, 2);
/// # Ok::<(), stitchapi_core::StoreError>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait Counter: Debug + Send + Sync + 'static {
    /// Adds one and returns the new count; the first call returns 1.
    ///
    /// * N concurrent calls return exactly `1..=N`, each number once.
    /// * Only the call that creates the counter sets its ttl, so that a busy counter expires on time, too.
    /// * If a counter has no ttl, because another client of the backend removed it, the next call sets its `ttl`.
    /// * After the ttl the next call returns 1.
    /// * Cancellation: if the future is dropped, the call may or may not have counted.
    /// * The library does not repeat the call after a lost reply, because it could count twice.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::StoreErrorKind::InvalidConfig) for a ttl of zero,
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) if the value under the key is not a counter.
    async fn incr(&self, key: &Key, ttl: Duration) -> Result<u64, StoreError>;
}
