//! The request for bookings, and what a process remembers of a cell between two requests.

use std::sync::Arc;
use std::time::Duration;

use super::cell::{Cell, MIN_TTL};
use super::limit::Limit;
use crate::StoreTime;

/// Cost of one call: units per limit, in the order of [`ReserveRequest::limits`]. A cost of 0 does not draw on that limit.
///
/// Every call draws on at least one limit. Missing numbers are 0. A clone is cheap, because most calls cost the same.
///
/// ```
/// use stitchapi_core::pace::Costs;
///
/// let one_call_of_500_tokens = Costs([1, 500].into());
/// # let _ = one_call_of_500_tokens;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Costs(pub Arc<[u32]>);

/// Request for bookings in a cell.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::StoreTime;
/// use stitchapi_core::pace::{LimitId, LimitSpec, ReserveRequest, limits, transition};
///
/// let id = LimitId::calls(Duration::from_secs(1));
/// let limits = limits(&[LimitSpec { id, permits: 10, burst: None }])?;
/// let request = ReserveRequest::new(limits, Duration::ZERO, 0x5eed).with_calls(2);
/// let reservation = transition::reserve(None, StoreTime(0), &request).reply;
/// assert_eq!(reservation.starts(&request).collect::<Vec<_>>(), [StoreTime(0), StoreTime(100_000)]);
/// # Ok::<(), stitchapi_core::pace::LimitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReserveRequest {
    /// Limits that this process declares, from [`limits`](super::limits).
    pub limits: Vec<Limit>,
    /// Lateness that a start may have ([`default_max_lateness`](super::default_max_lateness)).
    pub max_lateness: Duration,
    /// Costs of the calls, in order. A request without calls is a *touch*: it reads and repairs the cell, and books
    /// nothing.
    pub calls: Vec<Costs>,
    /// Longest time that a booked start may lie after the earliest possible one.
    pub horizon: Duration,
    /// Time before which no call starts.
    pub not_before: Option<StoreTime>,
    /// Shortest time from now to a start: the usual time until the reply arrives.
    pub lead: Duration,
    /// Newest state of the cell that this process knows. With it the store detects that state was lost.
    pub snapshot: Option<CellSnapshot>,
    /// Window of the cell's [`ProcessCount`](super::ProcessCount) in which this process was counted last:
    /// [`Reservation::counted`](super::Reservation::counted) of an earlier reply with the epoch of
    /// [`snapshot`](Self::snapshot).
    pub counted: Option<u64>,
    /// Whether this request counts its process. `false` while another request of the process that counts it is in
    /// flight: the process would be counted twice.
    pub counts: bool,
    /// Time after which nothing is booked, because the caller has given up by then.
    pub expires: Option<StoreTime>,
    /// Epoch of the cell if this request creates it: 64 random bits.
    pub epoch_if_new: u64,
    /// Pause before the first start in a new cell. On a volatile store another process may hold bookings in a cell that
    /// was lost, and they run out within the pause.
    pub initial_delay: Duration,
    /// Longest time from now that a hold in the cell has effect. A later end is cut to it.
    pub max_hold: Duration,
    /// State of the outage that this process returns from. [`snapshot`](Self::snapshot) is from before the outage.
    pub rejoin: Option<Rejoin>,
}

/// Return of a process from an outage, during which each process paced alone.
///
/// The first rule that applies decides:
///
/// * If the cell's [`local_end`](Cell::local_end) is in the future, another process has announced the rejoin. The request
///   books and writes nothing, and the process continues alone until then.
/// * If a rejoin was announced since this process' outage began, and its `local_end` has passed, this process was stopped
///   or cut off for longer than the others. It joins at once, and the request books as usual.
/// * If the cell is absent, older than the snapshot, or unchanged since it, this is the **first** process to return. The
///   cell is repaired and receives a `local_end` and a [`opens_at`](Cell::opens_at) that announce the rejoin to the
///   others; the request books nothing.
/// * If the cell has changed since the snapshot, or there is a cell and no snapshot, other processes use it. This process
///   joins at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejoin {
    /// Time for which all processes continue alone after the announcement, so that each one sees it.
    pub alone_for: Duration,
    /// Time after that in which no call starts, so that the last call of a process that paced alone keeps its distance.
    pub pause: Duration,
    /// Store's time in the last reply before the outage.
    pub since: StoreTime,
}

impl Rejoin {
    /// Returns `true` if a process has announced the rejoin in the cell since this outage began.
    #[must_use]
    pub fn was_announced_in(&self, cell: &Cell) -> bool {
        cell.local_end > self.since + self.alone_for
    }
}

impl ReserveRequest {
    /// Creates a request without calls, with a horizon of 60 s and holds of at most 60 s.
    #[must_use]
    pub fn new(limits: Vec<Limit>, max_lateness: Duration, epoch_if_new: u64) -> Self {
        Self {
            limits,
            max_lateness,
            calls: Vec::new(),
            horizon: Duration::from_secs(60),
            not_before: None,
            lead: Duration::ZERO,
            snapshot: None,
            counted: None,
            counts: true,
            expires: None,
            epoch_if_new,
            initial_delay: Duration::ZERO,
            max_hold: Duration::from_secs(60),
            rejoin: None,
        }
    }

    /// Adds `calls` calls, each of one unit on every limit.
    #[must_use]
    pub fn with_calls(mut self, calls: usize) -> Self {
        let each = Costs(vec![1; self.limits.len()].into());
        self.calls.extend(std::iter::repeat_n(each, calls));
        self
    }
}

/// Newest state of a cell that a process knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellSnapshot {
    /// Epoch of the cell.
    pub epoch: u64,
    /// Sequence number of the cell.
    pub seq: u64,
    /// Tats, rounded up, in the order of [`ReserveRequest::limits`].
    pub tats: Vec<StoreTime>,
    /// Time at which this process last booked in this cell.
    pub booked: Option<StoreTime>,
}

impl CellSnapshot {
    /// Returns the time until which the store keeps the cell at least ([`Cell::ttl`]). A cell that is absent before then
    /// was lost.
    #[must_use]
    pub fn kept_until(&self) -> StoreTime {
        let booked = self.booked.map_or(StoreTime(0), |booked| booked + MIN_TTL);
        self.tats.iter().copied().fold(booked, StoreTime::max)
    }
}
