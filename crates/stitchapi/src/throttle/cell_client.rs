//! Client of one bucket's cell in the store.
//!
//! The bucket sends its reservations, refunds, corrections and holds through it, whether the store can pace or only count.
//! Every operation is bounded in time, and a failure is emitted as an event.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::pace::{Booking, Limit, LimitId, Reservation, ReserveRequest};
use stitchapi_core::{Key, StoreError, StoreTime};

use super::counting::CountingPacer;
use crate::store::Client;
use crate::trace::Trace;

/// Client of one bucket's cell. The variant depends on what the store supports.
#[derive(Debug)]
pub(super) enum CellClient {
    /// In a store with a [`Pacer`](stitchapi_core::Pacer).
    Pacer { store: Arc<Client>, key: Key, trace: Trace },
    /// In a store that can only count. There a throttle has exactly one limit, which its validation requires.
    Counter(Box<CountingPacer>),
}

impl CellClient {
    pub(super) fn new(store: Arc<Client>, key: Key, limits: &[Limit], max_lateness: Duration, trace: Trace) -> Self {
        match limits {
            [limit] if !store.has_pacer() => {
                Self::Counter(Box::new(CountingPacer::new(store, key, limit.clone(), max_lateness, trace)))
            }
            _ => Self::Pacer { store, key, trace },
        }
    }

    /// Returns `true` if the store can only count.
    pub(super) fn is_counting(&self) -> bool {
        matches!(self, Self::Counter(_))
    }

    /// Returns `true` if the times of the cell are on the clock of this process.
    pub(super) fn has_local_clock(&self) -> bool {
        match self {
            Self::Pacer { store, .. } => store.limits().boot_clock,
            Self::Counter(_) => true,
        }
    }

    /// Books the calls of `request`. See [`Pacer::reserve`](stitchapi_core::Pacer::reserve).
    pub(super) async fn reserve(&self, request: &ReserveRequest) -> Result<Reservation, StoreError> {
        match self {
            Self::Pacer { store, key, trace } => store.reserve(key, request, trace).await,
            Self::Counter(pacer) => pacer.reserve(request).await,
        }
    }

    /// Cancels a booking that no caller needs. Returns `true` if it was cancelled. See
    /// [`Pacer::refund`](stitchapi_core::Pacer::refund).
    pub(super) async fn refund(&self, booking: &Booking) -> Result<bool, StoreError> {
        match self {
            Self::Pacer { store, key, trace } => store.refund(key, booking, trace).await,
            Self::Counter(pacer) => Ok(pacer.refund(booking)),
        }
    }

    /// Corrects a charge. See [`Pacer::settle`](stitchapi_core::Pacer::settle).
    pub(super) async fn settle(&self, limit: &LimitId, delta: i64) -> Result<(), StoreError> {
        match self {
            Self::Pacer { store, key, trace } => store.settle(key, limit, delta, trace).await,
            Self::Counter(pacer) => pacer.settle(delta).await,
        }
    }

    /// Delays all starts until `until`, at most `cap` from now. See [`Pacer::hold`](stitchapi_core::Pacer::hold).
    pub(super) async fn hold(&self, until: StoreTime, cap: Duration) -> Result<(), StoreError> {
        match self {
            Self::Pacer { store, key, trace } => store.hold(key, until, cap, trace).await,
            Self::Counter(pacer) => {
                pacer.hold(until, cap);
                Ok(())
            }
        }
    }
}
