//! The reply to a request for bookings in a cell (the state of one bucket).

use super::cell::Cell;
use super::gcra_set::GcraSet;
use super::limit::LimitId;
use super::request::{CellSnapshot, ReserveRequest};
use super::start_times::StartTimes;
use super::tat::Tat;
use crate::StoreTime;

/// Reply to a [`ReserveRequest`].
///
/// Every method with a `request` parameter expects the request to which this reservation is the reply.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::StoreTime;
/// use stitchapi_core::pace::{LimitId, LimitSpec, ReserveRequest, limits, transition};
///
/// let id = LimitId::calls(Duration::from_secs(1));
/// let limits = limits(&[LimitSpec { id, permits: 10, burst: None }])?;
/// let request = ReserveRequest::new(limits, Duration::ZERO, 0x5eed).with_calls(3);
/// let booked = transition::reserve(None, StoreTime(0), &request);
/// assert_eq!(booked.reply.granted, 3);
///
/// // Two of the three callers have left: their slots are refunded.
/// let tail = booked.reply.tail(&request, 1);
/// assert!(transition::refund(booked.write.as_ref(), &tail).reply);
/// # Ok::<(), stitchapi_core::pace::LimitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Store's time of the transition.
    pub now: StoreTime,
    /// Earliest possible start of the request.
    pub e_min: StoreTime,
    /// Cell after its repair and before the booking. It is the stored cell instead, if there is one, when the request
    /// expired or its process must continue alone after an outage.
    pub cell: Cell,
    /// Number of calls that were booked: the first ones of the request.
    pub granted: usize,
    /// Window in which this process is counted now, for its next request. `None` if the request did not count the
    /// process, expired, or belongs to a process that must continue alone after an outage.
    pub counted: Option<u64>,
}

impl Reservation {
    /// Returns the number of active processes ([`ProcessCount::active`](super::ProcessCount::active)).
    #[must_use]
    pub fn active(&self) -> u32 {
        self.cell.processes.active(self.now)
    }

    /// Returns the booked starts, in the order of the calls.
    #[must_use]
    pub fn starts<'a>(&'a self, request: &'a ReserveRequest) -> StartTimes<'a> {
        StartTimes::new(&self.cell, request, self.e_min).take_calls(self.granted)
    }

    /// Returns the earliest start of the first call that was not booked, if there is one.
    #[must_use]
    pub fn next_start(&self, request: &ReserveRequest) -> Option<StoreTime> {
        request.calls.get(self.granted)?;
        StartTimes::new(&self.cell, request, self.e_min).nth(self.granted)
    }

    /// Returns the snapshot of the cell after this booking, for the next request.
    #[must_use]
    pub fn snapshot(&self, request: &ReserveRequest) -> CellSnapshot {
        let mut starts = self.starts(request);
        starts.by_ref().for_each(drop);
        self.snapshot_after(request, &starts.into_gcra())
    }

    /// Returns the same as [`snapshot`](Self::snapshot), without computing the starts again. `gcra` is the state of the
    /// limits after this booking, from [`StartTimes::into_gcra`].
    #[must_use]
    pub fn snapshot_after(&self, request: &ReserveRequest, gcra: &GcraSet) -> CellSnapshot {
        let epoch = self.cell.epoch;
        let before = request.snapshot.as_ref().filter(|snapshot| snapshot.epoch == epoch);
        let booked = if self.granted > 0 { Some(self.now) } else { before.and_then(|snapshot| snapshot.booked) };
        CellSnapshot { epoch, seq: self.seq_after(), tats: gcra.tats().map(Tat::rounded_up).collect(), booked }
    }

    /// Returns the bookings after the first `keep`, for [`Pacer::refund`](crate::Pacer::refund).
    #[must_use]
    pub fn tail(&self, request: &ReserveRequest, keep: usize) -> Booking {
        let mut starts = self.starts(request).take_calls(keep.min(self.granted));
        starts.by_ref().for_each(drop);
        Booking {
            epoch: self.cell.epoch,
            seq: self.seq_after(),
            tats: starts.tats().map(|(id, tat)| (id.clone(), tat)).collect(),
        }
    }

    fn seq_after(&self) -> u64 {
        self.cell.seq + u64::from(self.granted > 0)
    }
}

/// Last bookings of a reservation. They can be refunded until the cell changes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Epoch of the cell at the booking.
    pub epoch: u64,
    /// Sequence number of the cell after the booking.
    pub seq: u64,
    /// Tats from before these bookings, which a refund restores.
    pub tats: Vec<(LimitId, Tat)>,
}
