//! The [`Leases`] facet, an optional ability of a store: it grants leases.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::lease::Lease;
use crate::{Key, Owner, StoreError};

/// Leases with a limit per key, a ttl and a queue. A lease is a right that expires unless its holder renews it.
///
/// * At most `limit` owners hold a lease under one key at a time, each until it releases the lease or its ttl ends.
/// * If a holder dies, its lease ends when its ttl ends, and no earlier. A holder counts the ttl from the time at which
///   it **sent** its request, so that it never regards a lease as valid for longer than the store does.
/// * Leases are granted in the order of the requests. A waiter keeps its position in the queue as long as it asks again
///   in time.
/// * Every operation may be repeated after a lost reply, because an owner has at most one lease under a key.
/// * The value under the key belongs to this facet. Any other access to it fails as
///   [`Corrupt`](crate::StoreErrorKind::Corrupt), and so do the operations of this facet on a value of another kind.
/// * Cancellation: an operation whose future is dropped is done as a whole or not at all.
///
/// Every operation is a function of [`lease::transition`](crate::lease::transition), which the store runs atomically.
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
    /// Acquires one of `limit` leases for `ttl`, if more leases are free than waiters are ahead of the owner.
    ///
    /// * An owner that holds a lease already keeps it, with the same fencing token, for at least `ttl` from now.
    /// * Each new lease has a **fencing token** that is larger than every token issued earlier under this key. If the
    ///   value was deleted or lost since, this holds only if the store's clock has not gone back.
    /// * An owner that receives no lease enters the queue. It loses its position unless it asks again within
    ///   `queue_ttl` of the reply. With a `queue_ttl` of zero, the owner does not enter the queue, or leaves it.
    /// * A store that is notified of releases may delay its reply until a lease is released, for at most `queue_ttl`.
    ///   Other stores reply at once, and the library asks again.
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

    /// Extends the lease to `ttl` from now, but never shortens it. Returns `false` if the owner holds no lease.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::StoreErrorKind::InvalidConfig) for a ttl of zero,
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) as described above.
    async fn renew(&self, key: &Key, ttl: Duration, owner: &Owner) -> Result<bool, StoreError>;

    /// Releases the owner's lease or its position in the queue. Changes nothing if the owner has neither.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) as described above.
    async fn release(&self, key: &Key, owner: &Owner) -> Result<(), StoreError>;
}
