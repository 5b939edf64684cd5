//! The facet that lends.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::lease::Lease;
use crate::{Key, Owner, StoreError};

/// Lends a thing to so many owners at a time, each until it gives it back or its ttl is over.
///
/// * A holder that dies loses its place when its ttl is over, and no earlier. It counts the ttl from when it **sent**
///   what was answered, so a place is never held longer here than there.
/// * Places are given in the order of asking. Whoever waits keeps its place in the queue while it asks again in time.
/// * Every operation may be repeated after a lost answer: an owner holds one place, however often it asks.
/// * The value under the key is nobody else's: any other access to it is [`Corrupt`](crate::StoreErrorKind::Corrupt), and
///   so are these operations on any other value.
/// * A dropped operation is done as a whole or not at all.
///
/// The arithmetic is that of [`lease`](crate::lease), whoever runs it.
#[async_trait]
pub trait Leases: Debug + Send + Sync + 'static {
    /// Takes one of `limit` places for `ttl`, if one is free and nobody waits for it longer.
    ///
    /// * An owner that holds a place gets the same one, with the same fence, for `ttl` from now at least.
    /// * A **fence** is larger than every fence given under this key before, also before it was deleted or lost, while
    ///   the store's clock does not go back.
    /// * If no place is free, the owner takes its place in the queue, and loses it unless it asks again within `park` of
    ///   the answer; a `park` of zero leaves the queue. A store that can be told of a release may wait for one, at most
    ///   for `park`; others answer at once.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::StoreErrorKind::InvalidConfig) for a ttl or a limit of zero,
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) as above.
    async fn acquire(
        &self,
        key: &Key,
        limit: u32,
        ttl: Duration,
        owner: &Owner,
        park: Duration,
    ) -> Result<Lease, StoreError>;

    /// Holds the place for `ttl` from now, or as long as before if that is longer; `false` if the owner holds none any more.
    ///
    /// # Errors
    ///
    /// As of [`acquire`](Self::acquire).
    async fn renew(&self, key: &Key, ttl: Duration, owner: &Owner) -> Result<bool, StoreError>;

    /// Gives the place back, in the queue too. One who has none changes nothing.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) as above.
    async fn release(&self, key: &Key, owner: &Owner) -> Result<(), StoreError>;
}
