//! [`Cells`]: the one operation that a driver implements to receive a whole store.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::{Key, StoreError, StoreTime};

/// An atomic read, compute and write of one value, on the store's own clock.
///
/// A store that implements this trait and [`CellStore`](crate::CellStore) is a [`StitchStore`](crate::StitchStore) with
/// all four facets. A store that keeps plain values in its own way implements this trait and `StitchStore`, and returns
/// its facets from [`CellFacets`](crate::CellFacets). `docs/driver.md` explains each rule.
///
/// # Contention
///
/// * All processes of the fleet call `update` on the **same** key, because the budget that they share is one value.
///   Each process has up to two such calls in flight. Each call must finish within
///   [`StoreLimits::timeout`](crate::StoreLimits::timeout).
/// * Use a lock that serves its waiters in order (`SELECT .. FOR UPDATE`, `BEGIN IMMEDIATE`, a mutex). A
///   compare-and-set loop is correct but unfair: under contention one process can lose every race, and the contract
///   tests arrange that. In such a loop, sleep for a random time between two attempts and take a lock after a few lost
///   races. Fail as [`Contended`](crate::StoreErrorKind::Contended) when the time is over.
///
/// # Time
///
/// * `step` receives the time of the store, in microseconds. Read it **while the value is locked**, so that a later
///   holder of the lock does not receive an earlier time. In PostgreSQL use `clock_timestamp()`: `now()` is the time at
///   which the transaction began, which is too early.
/// * The wall clock of a server may be used as it is. If it is set back by some time, stored deadlines and booked
///   starts lie that much further in the future. The fleet then waits until the clock has caught up, and exceeds no
///   limit. If the backend has a clock that is never set, prefer it.
/// * Do not use the clock of the client machine, unless all processes run on that machine.
///
/// # Expiry
///
/// The **driver** deletes expired values, or lets the backend do it, because the library has no clean-up task.
/// `Change::Put` states the ttl of the value. Use the backend's own expiry, or delete a few expired rows at each write,
/// more than the write adds. If the backend still has an expired value, `step` may receive it or `None`, because the
/// value contains its deadline.
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
    /// Calls `step` with the value under `key` (`None` if there is none) and the store's time, stores the [`Change`]
    /// that `step` returns, and returns its reply.
    ///
    /// * Between the read and the write no process changes this value.
    /// * `step` is pure and quick. After a lost race it may run again. The reply is then from the run whose change was
    ///   stored.
    /// * The time comes from one clock for all processes, and does not go back while the store lives (see
    ///   [Time](Cells#time)).
    /// * The future may be dropped at any point. The change is then stored as a whole or not at all.
    /// * The longest value has [`max_value`](crate::StoreLimits::max_value) bytes and the
    ///   [`MAX_OVERHEAD`](crate::MAX_OVERHEAD) bytes that the facets add. A longer value fails as
    ///   [`TooLarge`](crate::StoreErrorKind::TooLarge).
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the change was not stored, or if that is unknown.
    fn update<R, F>(&self, key: &Key, step: F) -> impl Future<Output = Result<R, StoreError>> + Send
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static;
}

/// Change of the stored value, as the `step` of [`Cells::update`] returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Leaves the value and its ttl as they are.
    Keep,
    /// Replaces the value. The new value lives for this ttl from now, or without one until it is deleted.
    Put(Bytes, Option<Duration>),
    /// Removes the value.
    Delete,
}
