//! The request for bookings in a cell (the state of one bucket), and what a process remembers of the cell between two
//! requests.

use std::sync::Arc;
use std::time::Duration;

use super::cell::{Cell, MIN_TTL};
use super::limit::Limit;
use crate::StoreTime;

/// Cost of one call: units per limit, in the order of [`ReserveRequest::limits`]. A cost of 0 does not draw on that
/// limit.
///
/// A call draws on at least one limit. Numbers missing at the end are 0. The list is shared, because most calls cost
/// the same.
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
    /// Maximum lateness: how long after its booked time a call may start. See
    /// [`default_max_lateness`](super::default_max_lateness).
    pub max_lateness: Duration,
    /// Costs of the calls, in order. A request without calls is a *touch*: it reads and repairs the cell, and books
    /// nothing.
    pub calls: Vec<Costs>,
    /// Horizon: longest time from the earliest possible start of the request to a booked start.
    pub horizon: Duration,
    /// Time before which no call starts.
    pub not_before: Option<StoreTime>,
    /// Shortest time from the store's now to a start, so that the reply usually arrives before the start.
    pub lead: Duration,
    /// Newest state of the cell that this process knows. It shows whether the stored cell has lost state.
    pub snapshot: Option<CellSnapshot>,
    /// Window in which the cell counted this process last ([`ProcessCount`](super::ProcessCount)). It is
    /// [`Reservation::counted`](super::Reservation::counted) of an earlier reply. `None` if the cell of that reply had
    /// another epoch than [`snapshot`](Self::snapshot).
    pub counted: Option<u64>,
    /// Whether this request counts its process. It is `false` while another request that counts the same process is in
    /// flight, because the process would be counted twice.
    pub counts: bool,
    /// Time after which nothing is booked, because the caller has given up by then.
    pub expires: Option<StoreTime>,
    /// Epoch (identity) that the cell receives if this request creates it or finds that state was lost: 64 random bits.
    pub epoch_if_new: u64,
    /// Pause before the first start in a new cell. On a volatile store other processes may have bookings in a cell that
    /// was lost. Within the pause they notice the loss and give up these bookings.
    pub initial_delay: Duration,
    /// Longest time from now for which a hold in the cell has effect. The cell's hold is shortened to it.
    pub max_hold: Duration,
    /// Outage from which this process returns, if any. [`snapshot`](Self::snapshot) is then the state that the process
    /// read when the store responded again, with each tat (theoretical arrival time) raised by what the fleet may have used
    /// during the outage.
    pub rejoin: Option<Rejoin>,
}

/// Return of a process from an outage, during which each process paced alone.
///
/// The first rule that applies decides:
///
/// * If the cell's [`local_end`](Cell::local_end) is in the future, another process has announced the rejoin. The
///   request books and writes nothing, and its process continues alone until `local_end`.
/// * If a rejoin was announced after the outage of this process began, and it is over, this process returns late, because it
///   was stopped or cut off for longer than the others. It joins at once: the request books as usual.
/// * If no process has used the cell since the snapshot, this process is the **first** to return. The cell is repaired and
///   receives a `local_end` and an [`opens_at`](Cell::opens_at) that announce the rejoin to the others. The request books
///   nothing. A cell counts as unused if it is absent, contains only a hold, is older than the snapshot, or is unchanged.
/// * If the cell has changed since the snapshot, or the process has no snapshot, other processes use the cell. This
///   process joins at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejoin {
    /// Time for which all processes continue alone after the announcement, so that each one sees it.
    pub alone_for: Duration,
    /// Time after `alone_for` in which no call starts. It keeps the first call that is booked in the cell away from the
    /// last call of a process that paced alone.
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
    /// Theoretical arrival times ([`Tat`](super::Tat)), rounded up, in the order of [`ReserveRequest::limits`].
    pub tats: Vec<StoreTime>,
    /// Time at which this process last booked in this cell.
    pub booked: Option<StoreTime>,
}

impl CellSnapshot {
    /// Returns the earliest time at which the store may remove the cell ([`Cell::ttl`]). If the cell is absent before
    /// that time, it was lost.
    #[must_use]
    pub fn kept_until(&self) -> StoreTime {
        let booked = self.booked.map_or(StoreTime(0), |booked| booked + MIN_TTL);
        self.tats.iter().copied().fold(booked, StoreTime::max)
    }
}
