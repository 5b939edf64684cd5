//! Draws tickets from a store that counts.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use stitchapi_core::pace::{
    Booking, Cell, Limit, LimitId, LimitState, ProcessCount, Reservation, ReserveRequest, Strictest, Tat,
};
use stitchapi_core::{Counter, Key, Pacer, Runtime, StoreError, StoreTime, Tick, micros_up};

use super::drawn::{Clocks, Drawn, Next};
use super::windows::Windows;
use crate::store::fit_key;
use crate::store::watch;
use crate::throttle::Place;

/// A counter is kept so much longer than its window: wall clocks may be apart by that.
const SKEW: Duration = Duration::from_secs(60);
/// Every cell is taken for the same one: a counter does not tell whether it was lost.
const EPOCH: u64 = 1;

/// The tickets of one bucket. Its store's clock is this process' own.
pub(in crate::throttle) struct Tickets {
    counter: Arc<dyn Counter>,
    store: &'static str,
    max_key: usize,
    /// The longest that one addition takes.
    timeout: Duration,
    runtime: Arc<dyn Runtime>,
    windows: Windows,
    limit: Limit,
    guard: Duration,
    drawn: Mutex<Drawn>,
}

impl Tickets {
    /// The tickets of a bucket in a store that counts and does not pace; `None` in any other.
    pub(in crate::throttle) fn new(
        place: &Place,
        limits: &[Limit],
        guard: Duration,
        runtime: &Arc<dyn Runtime>,
    ) -> Option<Self> {
        let (None, Some(counter), [limit]) = (&place.pacer, &place.counter, limits) else { return None };
        Some(Self {
            counter: counter.clone(),
            store: place.name,
            max_key: place.limits.max_key,
            timeout: place.limits.timeout,
            runtime: runtime.clone(),
            windows: Windows::new(limit, guard),
            limit: limit.clone(),
            guard,
            drawn: Mutex::default(),
        })
    }

    fn clocks(&self) -> Clocks {
        let since = self.runtime.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Clocks { now: self.runtime.now(), wall: micros_up(since) }
    }

    fn drawn(&self) -> MutexGuard<'_, Drawn> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A ticket for a start at `until` at the latest; `Err` of the time of the first one after that.
    ///
    /// Where others are far ahead the windows between are leapt over, ever more of them, so that few are asked in vain.
    async fn draw(&self, key: &Key, until: Tick) -> Result<Result<Tick, Tick>, StoreError> {
        let (mut in_vain, mut leap) = (0_u32, 0);
        loop {
            let clocks = self.clocks();
            let next = self.drawn().next(self.windows, self.guard, clocks, until, leap);
            let (window, times) = match next {
                Next::Ticket(at) => return Ok(Ok(at)),
                Next::Beyond(_) if leap > 0 => {
                    leap = 0;
                    continue;
                }
                Next::Beyond(at) => return Ok(Err(at)),
                Next::Ask { window, times } => (window, times),
            };
            let under_way = UnderWay { tickets: self, window, times };
            let counts = try_join_all((0..times).map(|_| self.count(key, window, clocks.wall))).await?;
            let is_taken = self.drawn().take_in(self.windows, window, &counts);
            drop(under_way);
            in_vain = if is_taken { in_vain + 1 } else { 0 };
            leap = (1 << in_vain.saturating_sub(1).min(16)) - 1;
        }
    }

    /// Adds one to the counter of a window. Not repeated: a lost answer is a lost ticket.
    async fn count(&self, key: &Key, window: u64, wall: u64) -> Result<u64, StoreError> {
        let ends = self.windows.start(self.windows.behind(window + 1, 0));
        let ttl = Duration::from_micros(ends.saturating_sub(wall)) + SKEW;
        let key = fit_key(key.clone().part("window").part(self.windows.name(window)), self.max_key);
        watch(&*self.runtime, self.timeout, self.store, "incr", self.counter.incr(&key, ttl)).await
    }

    /// The answer of a cell in which the next start is at `at`.
    fn reply(&self, now: Tick, at: Tick, granted: usize) -> Reservation {
        let now = StoreTime(now.0);
        let brought = |value| Strictest { value, at: now };
        let state = LimitState {
            id: self.limit.id.clone(),
            permits: brought(self.limit.permits),
            burst: brought(self.limit.burst),
            tat: Tat { micros: at.0, remainder: 0 },
        };
        let cell = Cell {
            epoch: EPOCH,
            seq: 0,
            held_until: StoreTime(0),
            local_end: StoreTime(0),
            fresh_until: StoreTime(0),
            guard: brought(u32::try_from(micros_up(self.guard)).unwrap_or(u32::MAX)),
            limits: vec![state],
            // A counter tells nothing of who is there.
            processes: ProcessCount::default(),
        };
        Reservation { now, e_min: StoreTime(at.0), cell, granted, counted: None }
    }
}

/// What a counter can do of it. `key` is that of the bucket.
#[async_trait]
impl Pacer for Tickets {
    /// Books one call at most. A touch asks nobody, unless the store was away.
    async fn reserve(&self, key: &Key, pace: &ReserveRequest) -> Result<Reservation, StoreError> {
        let is_touch = pace.calls.is_empty();
        if is_touch && pace.rejoin.is_none() {
            let clocks = self.clocks();
            return Ok(self.reply(clocks.now, self.drawn().behind_the_last(self.windows, clocks), 0));
        }
        let until = self.runtime.now() + pace.horizon;
        let drawn = self.draw(key, until).await?;
        let now = self.runtime.now();
        Ok(match drawn {
            Ok(at) if is_touch => {
                self.drawn().give_back(at);
                self.reply(now, at, 0)
            }
            Ok(at) => self.reply(now, at, 1),
            Err(at) => self.reply(now, at, 0),
        })
    }

    /// The ticket is kept for the next caller of this process.
    async fn refund(&self, _key: &Key, booking: &Booking) -> Result<bool, StoreError> {
        let at = booking.tats.first().map(|(_, tat)| Tick(tat.micros));
        Ok(at.is_some_and(|at| self.drawn().give_back(at)))
    }

    /// A debt draws so many tickets that nobody uses, as far as the store's timeout allows; nothing is given back.
    async fn settle(&self, key: &Key, _limit: &LimitId, delta: i64) -> Result<(), StoreError> {
        for _ in 0..delta {
            let _ = self.draw(key, Tick(u64::MAX)).await?;
        }
        Ok(())
    }

    /// Holds this process: a counter cannot tell the others.
    async fn hold(&self, _key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError> {
        let latest = self.runtime.now() + cap;
        self.drawn().hold(Tick(until.0).min(latest));
        Ok(())
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("windows", &self.windows).finish_non_exhaustive()
    }
}

/// Tickets that are asked for. Should nobody wait for the answer, those are lost.
struct UnderWay<'t> {
    tickets: &'t Tickets,
    window: u64,
    times: u64,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.tickets.drawn().ends(self.window, self.times);
    }
}
