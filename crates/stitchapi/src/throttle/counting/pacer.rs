//! Pacer over the counters of a store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::future::try_join_all;
use stitchapi_core::pace::{
    Booking, Cell, Limit, LimitState, ProcessCount, Reservation, ReserveRequest, Strictest, Tat,
};
use stitchapi_core::{Key, StoreError, StoreErrorKind, StoreTime, Tick, micros_up};

use super::ticket_pool::{Clocks, NextTicket, TicketPool};
use super::windows::Windows;
use crate::runtime::{TimeUp, within};
use crate::store::Client;
use crate::trace::{EventKind, Trace};

/// Timeout of one operation, in timeouts of the store. An operation makes several round trips, one after the other.
pub(in crate::throttle) const TIMEOUT_FACTOR: u32 = 8;
/// Time for which a counter is stored beyond the end of its window, because the wall clocks of processes differ.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Epoch of every reservation. It never changes, because the loss of a counter cannot be detected.
const EPOCH: u64 = 1;

/// Pacer of one bucket, over the counters of its windows. Its times are on the clock of this process.
#[derive(Debug)]
pub(in crate::throttle) struct CountingPacer {
    store: Arc<Client>,
    /// Key of the bucket; the keys of its counters begin with it.
    key: Key,
    limit: Limit,
    max_lateness: Duration,
    windows: Windows,
    pool: Mutex<TicketPool>,
    trace: Trace,
}

impl CountingPacer {
    pub(in crate::throttle) fn new(
        store: Arc<Client>,
        key: Key,
        limit: Limit,
        max_lateness: Duration,
        trace: Trace,
    ) -> Self {
        let (windows, pool) = (Windows::new(&limit, max_lateness), Mutex::default());
        Self { store, key, limit, max_lateness, windows, pool, trace }
    }

    /// Books at most one call. A request for no call sends nothing to the store, unless it probes the store in an outage.
    ///
    /// If the future is dropped, or the operation fails, counters may have been incremented; their tickets are lost.
    pub(in crate::throttle) async fn reserve(&self, request: &ReserveRequest) -> Result<Reservation, StoreError> {
        let is_touch = request.calls.is_empty();
        if is_touch && request.rejoin.is_none() {
            let clocks = self.clocks();
            let next_start = self.lock_pool().start_after_latest(self.windows, clocks);
            return Ok(self.reservation(clocks.now, next_start, 0));
        }
        let until = self.store.runtime().now() + request.horizon;
        let drawn = self.bounded("reserve", self.draw(until)).await?;
        let now = self.store.runtime().now();
        Ok(match drawn {
            Ok(at) if is_touch => {
                self.lock_pool().take_back(at);
                self.reservation(now, at, 0)
            }
            Ok(at) => self.reservation(now, at, 1),
            Err(at) => self.reservation(now, at, 0),
        })
    }

    /// Keeps the ticket of a booking for the next call of this process. Returns `false` if the booking has no ticket
    /// any more.
    pub(in crate::throttle) fn refund(&self, booking: &Booking) -> bool {
        let at = booking.tats.first().map(|(_, tat)| Tick(tat.micros));
        at.is_some_and(|at| self.lock_pool().take_back(at))
    }

    /// Draws one unused ticket per unit of a debt, until the timeout. Returns no tickets to the store if `delta` is negative.
    pub(in crate::throttle) async fn settle(&self, delta: i64) -> Result<(), StoreError> {
        let draw_all = async {
            for _ in 0..delta {
                let _ = self.draw(Tick(u64::MAX)).await?;
            }
            Ok(())
        };
        self.bounded("settle", draw_all).await
    }

    /// Delays the starts of this process until `until`, at most `cap` from now. Other processes are not delayed,
    /// because a counter cannot store a time.
    pub(in crate::throttle) fn hold(&self, until: StoreTime, cap: Duration) {
        let latest = self.store.runtime().now() + cap;
        self.lock_pool().hold(Tick(until.0).min(latest));
    }

    /// Draws a ticket that starts at `until` at the latest. Returns its start, or `Err` with the start of the first ticket
    /// after `until`.
    ///
    /// After each window whose tickets turn out to be drawn, twice as many windows are skipped as before. Thus few increments
    /// are wasted where other processes have booked far ahead.
    async fn draw(&self, until: Tick) -> Result<Result<Tick, Tick>, StoreError> {
        let (mut exhausted, mut skip) = (0_u32, 0);
        loop {
            let clocks = self.clocks();
            let next = self.lock_pool().next(self.windows, self.max_lateness, clocks, until, skip);
            let (window, times) = match next {
                NextTicket::Drawn(at) => return Ok(Ok(at)),
                NextTicket::TooLate(_) if skip > 0 => {
                    skip = 0;
                    continue;
                }
                NextTicket::TooLate(at) => return Ok(Err(at)),
                NextTicket::Increment { window, times } => (window, times),
            };
            let in_flight = IncrementsInFlight { pacer: self, window, times };
            let counts = try_join_all((0..times).map(|_| self.increment(window, clocks.wall))).await?;
            let has_ticket = self.lock_pool().record_counts(self.windows, window, &counts);
            drop(in_flight);
            exhausted = if has_ticket { 0 } else { exhausted + 1 };
            skip = (1 << exhausted.saturating_sub(1).min(16)) - 1;
        }
    }

    /// Increments the counter of a window once. It is not repeated after a failure, so the ticket of a lost response is lost.
    async fn increment(&self, window: u64, wall: u64) -> Result<u64, StoreError> {
        let end = self.windows.start(self.windows.ticket(window + 1, 0));
        let ttl = Duration::from_micros(end.saturating_sub(wall)) + MAX_CLOCK_SKEW;
        let key = self.store.fit_key(self.key.clone().part("window").part(self.windows.name(window)));
        self.store.incr(&key, ttl, &self.trace).await
    }

    /// Runs an operation of several round trips within their timeout. The failure of a round trip is emitted by the client.
    async fn bounded<T: Send>(
        &self,
        operation: &'static str,
        future: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let runtime = &**self.store.runtime();
        let ends_at = runtime.now() + self.store.timeout() * TIMEOUT_FACTOR;
        within(runtime, ends_at, future).await.unwrap_or_else(|TimeUp| {
            let error = StoreError::new(StoreErrorKind::Timeout, self.store.name(), operation);
            self.trace.emit(EventKind::StoreFailed { operation, kind: error.kind() });
            Err(error)
        })
    }

    /// Returns the reservation of a cell whose next start is at `at`.
    fn reservation(&self, now: Tick, at: Tick, granted: usize) -> Reservation {
        let now = StoreTime(now.0);
        let setting = |value| Strictest { value, at: now };
        let limit = LimitState {
            id: self.limit.id.clone(),
            permits: setting(self.limit.permits),
            burst: setting(self.limit.burst),
            tat: Tat { micros: at.0, remainder: 0 },
        };
        let cell = Cell {
            epoch: EPOCH,
            seq: 0,
            held_until: StoreTime(0),
            local_end: StoreTime(0),
            opens_at: StoreTime(0),
            max_lateness: setting(u32::try_from(micros_up(self.max_lateness)).unwrap_or(u32::MAX)),
            limits: vec![limit],
            // A counter does not count processes.
            processes: ProcessCount::default(),
        };
        Reservation { now, e_min: StoreTime(at.0), cell, granted, counted: None }
    }

    fn clocks(&self) -> Clocks {
        let runtime = self.store.runtime();
        let since_1970 = runtime.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Clocks { now: runtime.now(), wall: micros_up(since_1970) }
    }

    fn lock_pool(&self) -> MutexGuard<'_, TicketPool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Increments of a window's counter that are in flight. If it is dropped before their responses, their tickets are lost.
struct IncrementsInFlight<'p> {
    pacer: &'p CountingPacer,
    window: u64,
    times: u64,
}

impl Drop for IncrementsInFlight<'_> {
    fn drop(&mut self) {
        self.pacer.lock_pool().end_increments(self.window, self.times);
    }
}
