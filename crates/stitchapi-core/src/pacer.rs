//! The facet that books start times.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::pace::{Booking, LimitId, Reservation, ReserveRequest};
use crate::{Key, StoreError, StoreTime};

/// Booking of start times in a shared [cell](crate::pace::Cell), on the store's own clock.
///
/// * Every operation is a transition of [`pace::transition`](crate::pace::transition), which the store runs atomically.
/// * A cell that is damaged or of a newer format fails every operation as [`Corrupt`](crate::StoreErrorKind::Corrupt),
///   and is not changed.
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
    /// Books one start for each of [`ReserveRequest::calls`], in order, as far as the horizon allows, in one atomic
    /// transition.
    ///
    /// * The [`Reservation`] holds the store's time and the cell **before** the booking; [`Reservation::starts`] computes
    ///   every start time from them. So a reply has one size for any number of calls.
    /// * A request without calls books nothing (a *touch*): it reads the cell, and repairs it where state was lost.
    /// * A request of a process that [rejoins](ReserveRequest::rejoin) after an outage may book nothing.
    /// * The caller may repeat the request after a lost reply: that wastes slots and never books one twice.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as described above.
    async fn reserve(&self, key: &Key, request: &ReserveRequest) -> Result<Reservation, StoreError>;

    /// Takes the bookings back, if the cell has not changed since they were made. Returns `true` if they were taken back.
    ///
    /// The caller must not repeat it after a lost reply: the same slots could be given to callers twice.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as described above.
    async fn refund(&self, key: &Key, booking: &Booking) -> Result<bool, StoreError>;

    /// Corrects the charge on one limit by `delta` units, where the cost of a call is known only after it.
    ///
    /// * A positive `delta` is a debt, and always booked.
    /// * A negative `delta` gives units back, never below the store's time. The caller must not repeat it after a lost
    ///   reply.
    /// * `delta` is clamped to the range of `u32` in both directions.
    /// * A missing cell, or a limit that the cell does not have, is not changed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as described above.
    async fn settle(&self, key: &Key, limit: &LimitId, delta: i64) -> Result<(), StoreError>;

    /// Stores a hold: no call of any process starts before `until`, at most `cap` from now.
    ///
    /// A later hold extends an earlier one; an earlier one changes nothing. `until` is absolute, so a repetition changes
    /// nothing, either.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as described above.
    async fn hold(&self, key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError>;
}
