//! The facet that counts.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Key, StoreError};

/// Counts, exactly, whoever calls and from whatever process.
#[async_trait]
pub trait Counter: Debug + Send + Sync + 'static {
    /// Adds one and returns the new count; the first call gives 1.
    ///
    /// * N concurrent calls return exactly `1..=N`, each once.
    /// * `ttl` is set **only** by the call that creates the counter: a busy counter still ends on time.
    /// * A counter that is found without a ttl (somebody took it away) is given this one.
    /// * After the ttl the next call gives 1.
    /// * Dropped: it has counted or it has not.
    /// * The library never repeats it by itself after a lost answer: the caller decides whether to count twice.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::StoreErrorKind::InvalidConfig) for a ttl of zero,
    /// [`Corrupt`](crate::StoreErrorKind::Corrupt) if the value under the key is no counter.
    async fn incr(&self, key: &Key, ttl: Duration) -> Result<u64, StoreError>;
}
