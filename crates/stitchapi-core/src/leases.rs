//! The facet that grants leases.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::lease::Lease;
use crate::{Key, Owner, StoreError};

/// Leases with a limit per key, a ttl and a queue.
///
/// * At most `limit` owners hold a lease under one key at a time, each until it releases the lease or its ttl ends.
/// * The lease of a holder that dies ends with its ttl, and no earlier. A holder counts the ttl from the time at which it
///   **sent** its request, so it never holds a lease longer than the store does.
/// * Leases are granted in the order of the requests. A waiter keeps its position in the queue while it asks again in
///   time.
/// * Every operation may be repeated after a lost reply: an owner has at most one lease under a key.
/// * The value under the key belongs to this facet: any other access to it fails as
///   [`Corrupt`](crate::StoreErrorKind::Corrupt), and so do these operations on any other value.
/// * Cancellation: an operation whose future is dropped is done as a whole or not at all.
///
/// Every operation is a transition of [`lease::transition`](crate::lease::transition), which the store runs atomically.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use stitchapi_core::{Key, Lease, MemoryStore, Owner, StitchStore};
///
/// # futures_executor::block_on(async {
/// let leases = Arc::new(MemoryStore::new()).leases().expect("the memory store has every facet");
/// let (key, second) = (Key::new("login"), Duration::from_secs(1));
/// let (holder, waiter) = (Owner::from_bytes([1; 16]), Owner::from_bytes([2; 16]));
///
/// assert!(matches!(leases.acquire(&key, 1, second, &holder, Duration::ZERO).await?, Lease::Held { .. }));
/// assert!(matches!(leases.acquire(&key, 1, second, &waiter, second).await?, Lease::Busy { .. }));
/// leases.release(&key, &holder).await?;
/// assert!(matches!(leases.acquire(&key, 1, second, &waiter, second).await?, Lease::Held { .. }));
/// # Ok::<(), stitchapi_core::StoreError>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait Leases: Debug + Send + Sync + 'static {
    /// Acquires one of `limit` leases for `ttl`, if one is free and no earlier waiter has a claim to it.
    ///
    /// * An owner that holds a lease receives the same one, with the same fencing token, for at least `ttl` from now.
    /// * A **fencing token** is larger than every one issued under this key before, even if the value was deleted or lost
    ///   since, while the store's clock does not go back.
    /// * If no lease is free, the owner enters the queue. It loses its position unless it asks again within `queue_ttl`
    ///   of the reply. A `queue_ttl` of zero leaves the queue.
    /// * A store that is notified of releases may wait for one before it replies, at most for `queue_ttl`. Other stores
    ///   reply at once, and the library asks again.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::StoreErrorKind::InvalidConfig) for a ttl or a limit of zero,
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) as described above.
    async fn acquire(
        &self,
        key: &Key,
        limit: u32,
        ttl: Duration,
        owner: &Owner,
        queue_ttl: Duration,
    ) -> Result<Lease, StoreError>;

    /// Extends the lease to `ttl` from now, and never shortens it. Returns `false` if the owner holds no lease any more.
    ///
    /// # Errors
    ///
    /// Those of [`acquire`](Self::acquire).
    async fn renew(&self, key: &Key, ttl: Duration, owner: &Owner) -> Result<bool, StoreError>;

    /// Releases the owner's lease or its position in the queue. An owner without either changes nothing.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) as described above.
    async fn release(&self, key: &Key, owner: &Owner) -> Result<(), StoreError>;
}
