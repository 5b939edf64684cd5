//! The [`Pacer`] facet, an optional ability of a store: it books start times.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::pace::{Booking, LimitId, Reservation, ReserveRequest};
use crate::{Key, StoreError, StoreTime};

/// Booking of start times in a shared [cell](crate::pace::Cell), on the store's own clock.
///
/// * A cell is the state of one bucket: of the budget that all calls of one throttle share.
/// * Every operation is a function of [`pace::transition`](crate::pace::transition), which the store runs atomically.
/// * If the cell is damaged or has a newer format, every operation fails as [`Corrupt`](crate::StoreErrorKind::Corrupt)
///   and leaves it unchanged.
/// * Cancellation: an operation whose future is dropped is done as a whole or not at all.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use stitchapi_core::pace::{LimitId, LimitSpec, ReserveRequest, default_max_lateness, limits};
/// use stitchapi_core::{Key, MemoryStore, StitchStore};
///
/// # futures_executor::block_on(async {
/// let second = Duration::from_secs(1);
/// let limits = limits(&[LimitSpec { id: LimitId::calls(second), permits: 10, burst: None }])?;
/// let request = ReserveRequest::new(limits, default_max_lateness(second), 0x5eed).with_calls(3);
///
/// let pacer = Arc::new(MemoryStore::new()).pacer().expect("the memory store has every facet");
/// let reservation = pacer.reserve(&Key::new("bucket"), &request).await?;
/// let starts: Vec<_> = reservation.starts(&request).collect();
/// assert_eq!(starts.len(), 3);
/// assert_eq!(starts[1].since(starts[0]), Duration::from_micros(100_500));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait Pacer: Debug + Send + Sync + 'static {
    /// Books a start for each of [`ReserveRequest::calls`], in order, until a start would lie beyond the
    /// [horizon](ReserveRequest::horizon).
    ///
    /// * The [`Reservation`] contains the store's time and the cell **before** the booking. [`Reservation::starts`]
    ///   computes every start time from them, so the size of a reply does not depend on the number of calls.
    /// * A request without calls (a *touch*) books nothing: it reads the cell, and repairs it if state was lost.
    /// * The request of a process that [rejoins](ReserveRequest::rejoin) after an outage may book nothing.
    /// * The caller may repeat the request after a lost reply. The starts of the lost reply remain unused, and no start
    ///   is booked twice.
    ///
    /// # Errors
    ///
    /// Those that [`Pacer`] describes, and failures of the backend.
    async fn reserve(&self, key: &Key, request: &ReserveRequest) -> Result<Reservation, StoreError>;

    /// Cancels the bookings if the cell has not changed since they were made. Returns `true` if they were cancelled.
    ///
    /// After a lost reply the caller does not know whether the booked starts are free for other callers, so that it must not
    /// use them. A repetition does not show it, because it returns `false` also if the first refund has succeeded.
    ///
    /// # Errors
    ///
    /// Those that [`Pacer`] describes, and failures of the backend.
    async fn refund(&self, key: &Key, booking: &Booking) -> Result<bool, StoreError>;

    /// Corrects the charge on one limit by `delta` units, when a response has shown the real cost of a call.
    ///
    /// * A positive `delta` is always charged, even if the limit has no units left. Later calls wait for it.
    /// * A negative `delta` gives units back, but leaves no more than the full burst. The caller must not repeat it
    ///   after a lost reply, because the units would be given back twice.
    /// * `delta` is limited to `u32::MAX` units in both directions.
    /// * If there is no cell, or if the cell does not have the limit, nothing is changed.
    ///
    /// # Errors
    ///
    /// Those that [`Pacer`] describes, and failures of the backend.
    async fn settle(&self, key: &Key, limit: &LimitId, delta: i64) -> Result<(), StoreError>;

    /// Stores a hold: no call of any process starts before `until`. The hold lasts at most `cap` from now.
    ///
    /// A hold that ends later than the stored one replaces it; any other changes nothing. Therefore a repetition
    /// changes nothing, unless `cap` has shortened the hold.
    ///
    /// # Errors
    ///
    /// Those that [`Pacer`] describes, and failures of the backend.
    async fn hold(&self, key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError>;
}
