//! The facet that paces.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::pace::{Booking, LimitId, Reservation, ReserveRequest};
use crate::{Key, StoreError, StoreTime};

/// Books starts in a shared [cell](crate::pace::Cell), on the store's own clock.
///
/// The arithmetic is that of [`pace`](crate::pace), whoever runs it. A cell that cannot be read, or whose format is
/// newer than this version knows, is [`Corrupt`](crate::StoreErrorKind::Corrupt) for every operation and left as it is.
/// A dropped operation is done as a whole or not at all.
#[async_trait]
pub trait Pacer: Debug + Send + Sync + 'static {
    /// Books one start for each of [`ReserveRequest::calls`], in order, as many as the horizon allows, in one atomic step.
    ///
    /// Returns the cell as it was before the booking and the store's time; [`Reservation::starts`] computes every
    /// start from these. Without calls it books nothing (a *touch*), nor for one who comes [back](ReserveRequest::rejoin) from an
    /// outage before the others. May be repeated after a lost answer: that loses
    /// slots and never gives one twice.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as described above.
    async fn reserve(&self, key: &Key, request: &ReserveRequest) -> Result<Reservation, StoreError>;

    /// Gives back the tail of a reservation, if nothing has changed in the cell since; says whether it did.
    ///
    /// Never repeated after a lost answer: that could give the same slots back twice.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as described above.
    async fn refund(&self, key: &Key, booking: &Booking) -> Result<bool, StoreError>;

    /// Corrects what one limit was charged, when the cost is known only afterwards.
    ///
    /// A positive `delta` is a debt and always taken. A negative one gives back, never below now, and is never
    /// repeated after a lost answer. More than a `u32` holds is cut to that. A cell or a limit that is not there is left
    /// alone.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as described above.
    async fn settle(&self, key: &Key, limit: &LimitId, delta: i64) -> Result<(), StoreError>;

    /// Holds everybody until `until` (absolute, so saying it twice is saying it once), at most `cap` from now.
    ///
    /// A later hold extends an earlier one, an earlier one changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as described above.
    async fn hold(&self, key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError>;
}
