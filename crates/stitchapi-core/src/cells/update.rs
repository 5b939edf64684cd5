//! The one operation that a store of cells implements.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::{Key, StoreError, StoreTime};

/// An atomic read, compute and write of one value, on the store's own clock.
///
/// A store that implements this and [`CellStore`](crate::CellStore) is a [`StitchStore`](crate::StitchStore) with all
/// four facets. A store with its own way to keep plain values implements this and `StitchStore`, and takes its facets
/// from [`CellFacets`](crate::CellFacets). `docs/driver.md` explains each rule.
///
/// # Contention
///
/// * Every process of the fleet calls `update` on **one** key: a bucket is one cell, and each process has up to two
///   requests for bookings of a bucket in flight. Each call must finish within
///   [`StoreLimits::timeout`](crate::StoreLimits::timeout).
/// * Use a lock that serves its waiters in order (`SELECT .. FOR UPDATE`, `BEGIN IMMEDIATE`, a mutex). A compare-and-set
///   in a loop is correct and unfair: under contention one process can lose every race, and the kit makes it lose them.
///   Bound its attempts by time, sleep for a random time between them, take a lock after a few lost races, and fail as
///   [`Contended`](crate::StoreErrorKind::Contended).
///
/// # Time
///
/// * `step` receives the time of the store, in microseconds, read **while the value is locked**: a later holder of the
///   lock must not receive an earlier time. A database's time of the transaction's begin (`now()` in PostgreSQL) is
///   read too early; `clock_timestamp()` is right.
/// * A server's wall clock may be passed on as it is. If it is set back, stored deadlines and booked starts lie that
///   far ahead: the fleet waits until the clock has caught up, and starts no call too many. Prefer a clock that is
///   never set where the backend has one.
/// * The clock of the client machine is not the store's time, unless all processes share that machine.
///
/// # Expiry
///
/// The **driver** deletes expired values, or lets the backend do it: the library has no clean-up task. `Change::Put` states
/// the ttl of the value. Use the backend's own expiry, or delete a few expired rows at each write, more than the write adds.
/// An expired value that the backend still has is harmless, because the value carries its deadline inside: pass it to
/// `step` or leave it out.
///
/// # Example
///
/// A map behind a mutex:
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
///
/// use stitchapi_core::{CellStore, Cells, Change, Key, Prefix, StitchStore, StoreError, StoreLimits, StoreTime, Tick};
///
/// #[derive(Debug, Default)]
/// struct MapStore(Mutex<HashMap<String, bytes::Bytes>>);
///
/// impl Cells for MapStore {
///     async fn update<R, F>(&self, key: &Key, step: F) -> Result<R, StoreError>
///     where
///         R: Send + 'static,
///         F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
///     {
///         let key = key.render(&Prefix::default());
///         let mut map = self.0.lock().expect("no thread panics while it holds the lock");
///         let (change, reply) = step(map.get(&key).map(|value| &**value), StoreTime(Tick::of_boot_clock().0));
///         match change {
///             Change::Keep => {}
///             Change::Put(value, _ttl) => drop(map.insert(key, value)),
///             Change::Delete => drop(map.remove(&key)),
///         }
///         Ok(reply)
///     }
/// }
///
/// impl CellStore for MapStore {
///     fn store_name(&self) -> &'static str {
///         "map"
///     }
///     fn store_limits(&self) -> StoreLimits {
///         StoreLimits::unlimited().with_boot_clock()
///     }
/// }
///
/// # futures_executor::block_on(async {
/// let (store, key) = (MapStore::default(), Key::new("greeting"));
/// store.set(&key, "hello".into(), None).await?;
/// assert_eq!(store.get(&key).await?.as_deref(), Some(&b"hello"[..]));
/// # Ok::<(), StoreError>(())
/// # }).unwrap();
/// ```
pub trait Cells: Debug + Send + Sync + 'static {
    /// Applies `step` to the value under `key`, if there is one, and to the store's time, and stores the [`Change`] that
    /// it returns.
    ///
    /// * No other change of this value takes place between the read and the write, from any process.
    /// * `step` is pure and quick. It may run several times (after a lost race); the reply of the run whose change was
    ///   stored is returned.
    /// * The time is the same clock for all processes and does not go back while the store lives (see
    ///   [Time](Cells#time)).
    /// * The future may be dropped at any point: the change is stored as a whole or not at all.
    /// * A value is at most [`max_value`](crate::StoreLimits::max_value) bytes and the
    ///   [`ENVELOPE_LEN`](crate::ENVELOPE_LEN) bytes that the facets add. A longer value fails as
    ///   [`TooLarge`](crate::StoreErrorKind::TooLarge).
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the change was not stored, or may not have been.
    fn update<R, F>(&self, key: &Key, step: F) -> impl Future<Output = Result<R, StoreError>> + Send
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static;
}

/// The effect of a `step` of [`Cells::update`] on the stored value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Leaves the value and its ttl as they are.
    Keep,
    /// Replaces the value; it lives for this long from now, or until it is deleted.
    Put(Bytes, Option<Duration>),
    /// Removes the value.
    Delete,
}
