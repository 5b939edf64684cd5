//! What is asked of a cell, and what it answers.

use std::sync::Arc;
use std::time::Duration;

use super::cell::LONGEVITY;
use super::{Cell, GcraSet, Limit, LimitId, StartTimes, Tat};
use crate::StoreTime;

/// What one call draws: units per limit, in the order of [`ReserveRequest::limits`]. 0 leaves that limit alone.
///
/// Every call draws on at least one limit; missing numbers count as 0. Cheap to clone: most calls cost the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Costs(pub Arc<[u32]>);

/// A request for starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReserveRequest {
    /// The limits this process declares ([`limits`](super::limits)).
    pub limits: Vec<Limit>,
    /// How late a start may be ([`default_guard`](super::default_guard)).
    pub guard: Duration,
    /// One entry per call; none is a *touch*: it reads, repairs and books nothing.
    pub calls: Vec<Costs>,
    /// Nothing further ahead than this is booked, counted from the earliest start possible.
    pub horizon: Duration,
    /// No start before this.
    pub not_before: Option<StoreTime>,
    /// No start earlier than this from now: how long the answer usually takes.
    pub lead: Duration,
    /// What this process remembers of the cell: lost state is noticed by it.
    pub snapshot: Option<CellSnapshot>,
    /// The window of the cell's [`ProcessCount`](super::ProcessCount) in which this process was counted last, as the
    /// [answer](Reservation::counted) to an earlier request with this [`snapshot`](Self::snapshot)'s epoch said.
    pub counted: Option<u64>,
    /// Whether this request counts its process at all: not while another one is under way that does.
    pub counts: bool,
    /// After this nothing is booked: the caller will be gone.
    pub expires: Option<StoreTime>,
    /// 64 random bits: the epoch of the cell, should this create it.
    pub epoch_if_new: u64,
    /// How long a new cell waits before its first slot: on a volatile store another process may still hold slots of a
    /// cell that was lost.
    pub fresh_start: Duration,
    /// A hold in the cell is cut to this from now.
    pub max_hold: Duration,
    /// This process comes back from an outage; what it remembers of the cell ([`snapshot`](Self::snapshot)) is from before it.
    pub rejoin: Option<Rejoin>,
}

/// How a process comes back from an outage in which everybody paced alone.
///
/// * Is the cell's [`local_end`](Cell::local_end) ahead, somebody was back before it: nothing is booked nor written, and
///   it stays alone until then.
/// * Has somebody been back since this process' outage began, and is that [`local_end`](Cell::local_end) over, it was
///   stopped or cut off for longer than the others: it joins at once.
/// * Is the cell gone, back in an older state, or unmoved since the snapshot, it is the first: the cell is repaired as always
///   and given a [`local_end`](Cell::local_end) and a [`fresh_until`](Cell::fresh_until), for all the others who are
///   still to notice; nothing is booked.
/// * Has the cell moved, or is there one and no snapshot, somebody uses it: it joins at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejoin {
    /// How long everybody goes on alone, so that each of them notices in that time.
    pub alone_for: Duration,
    /// How long nobody starts after that: the last start of one who is alone keeps its distance.
    pub pause: Duration,
    /// The store's time of the last answer before the outage.
    pub since: StoreTime,
}

impl Rejoin {
    /// Whether somebody has been the first one back since this outage began.
    #[must_use]
    pub fn was_announced_in(&self, cell: &Cell) -> bool {
        cell.local_end > self.since + self.alone_for
    }
}

impl ReserveRequest {
    /// Asks for nothing yet: no calls, a horizon of 60 s, holds of at most 60 s.
    #[must_use]
    pub fn new(limits: Vec<Limit>, guard: Duration, epoch_if_new: u64) -> Self {
        Self {
            limits,
            guard,
            calls: Vec::new(),
            horizon: Duration::from_secs(60),
            not_before: None,
            lead: Duration::ZERO,
            snapshot: None,
            counted: None,
            counts: true,
            expires: None,
            epoch_if_new,
            fresh_start: Duration::ZERO,
            max_hold: Duration::from_secs(60),
            rejoin: None,
        }
    }

    /// Asks for `calls` more calls, each of one unit on every limit.
    #[must_use]
    pub fn with_calls(mut self, calls: usize) -> Self {
        let each = Costs(vec![1; self.limits.len()].into());
        self.calls.extend(std::iter::repeat_n(each, calls));
        self
    }
}

/// What a process remembers of a cell: the newest state it has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellSnapshot {
    /// The cell's epoch.
    pub epoch: u64,
    /// The cell's sequence number.
    pub seq: u64,
    /// The tats, rounded up, in the order of [`ReserveRequest::limits`].
    pub tats: Vec<StoreTime>,
    /// When this process last booked in it, if it ever did.
    pub booked: Option<StoreTime>,
}

impl CellSnapshot {
    /// Until when the store keeps the cell at least ([`Cell::ttl`]): if it is gone before, it was lost.
    #[must_use]
    pub fn kept_until(&self) -> StoreTime {
        let booked = self.booked.map_or(StoreTime(0), |booked| booked + LONGEVITY);
        self.tats.iter().copied().fold(booked, StoreTime::max)
    }
}

/// The answer to a [`ReserveRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The store's time of the step.
    pub now: StoreTime,
    /// The earliest start there could be.
    pub e_min: StoreTime,
    /// The cell after repair and before the booking.
    pub cell: Cell,
    /// How many of the calls were booked: the first ones.
    pub granted: usize,
    /// The window in which this process is counted now, for its next [`ReserveRequest`]; `None` if it was not to be, or nothing was
    /// written.
    pub counted: Option<u64>,
}

impl Reservation {
    /// How many processes have asked lately ([`ProcessCount::active`](super::ProcessCount::active)).
    #[must_use]
    pub fn active(&self) -> u32 {
        self.cell.processes.active(self.now)
    }

    /// The booked starts, in the order of the calls. `request` is the one that was asked with.
    #[must_use]
    pub fn starts<'a>(&'a self, request: &'a ReserveRequest) -> StartTimes<'a> {
        StartTimes::new(&self.cell, request, self.e_min).at_most(self.granted)
    }

    /// When the first call that was not booked could start at the earliest, if there is one.
    #[must_use]
    pub fn next_start(&self, request: &ReserveRequest) -> Option<StoreTime> {
        request.calls.get(self.granted)?;
        StartTimes::new(&self.cell, request, self.e_min).nth(self.granted)
    }

    /// What to remember of the cell after this booking.
    #[must_use]
    pub fn snapshot(&self, request: &ReserveRequest) -> CellSnapshot {
        let mut starts = self.starts(request);
        starts.by_ref().for_each(drop);
        self.snapshot_after(request, &starts.into_gcra())
    }

    /// The same, where the limits are known as this booking [has left them](StartTimes::into_gcra).
    #[must_use]
    pub fn snapshot_after(&self, request: &ReserveRequest, gcra: &GcraSet) -> CellSnapshot {
        let epoch = self.cell.epoch;
        let before =
            request.snapshot.as_ref().filter(|snapshot| snapshot.epoch == epoch).and_then(|snapshot| snapshot.booked);
        let booked = if self.granted > 0 { Some(self.now) } else { before };
        CellSnapshot { epoch, seq: self.seq_after(), tats: gcra.tats().map(Tat::rounded_up).collect(), booked }
    }

    /// All bookings after the first `keep`, to be [refunded](crate::Pacer::refund).
    #[must_use]
    pub fn tail(&self, request: &ReserveRequest, keep: usize) -> Booking {
        let mut starts = self.starts(request).at_most(keep.min(self.granted));
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

/// Bookings that can be given back while the cell is as this process left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// The cell's epoch at the booking.
    pub epoch: u64,
    /// The cell's sequence number after it.
    pub seq: u64,
    /// The tats that the cell goes back to.
    pub tats: Vec<(LimitId, Tat)>,
}
