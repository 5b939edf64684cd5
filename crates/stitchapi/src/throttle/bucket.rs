//! The budget of one seam: books a slot, waits for it, and lets a call start if it is not late.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stitchapi_core::pace::{Limit, Mark, Pace, Reservation};
use stitchapi_core::{Key, Pacer, Runtime, StitchStore, StoreTime, Tick};

use super::Throttle;
use super::clock::{Observed, StoreClock};
use super::trips::Trips;
use crate::key::fitted;
use crate::resilience::watch;
use crate::trace::{EventKind, Trace};
use crate::{Error, ErrorKind, Result};

/// So many replies a process has had before its first start, unless an earlier one was quick.
const LOOKS: u32 = 4;

/// One bucket of a store, as this process sees it.
#[derive(Debug)]
pub(crate) struct Bucket {
    pacer: Arc<dyn Pacer>,
    key: Key,
    store: &'static str,
    timeout: Duration,
    limits: Vec<Limit>,
    guard: Duration,
    fresh_start: Duration,
    max_wait: Option<Duration>,
    known: Mutex<Known>,
    /// One booking at a time leaves the process: what waits for its turn here does not wait inside the store's timeout.
    turn: futures_util::lock::Mutex<()>,
}

/// What the replies so far have told.
#[derive(Debug)]
struct Known {
    clock: StoreClock,
    trips: Trips,
    /// The newest state of the cell, and the store's time of that reply.
    newest: Option<(StoreTime, Mark)>,
    /// Goes up when bookings become void for a reason other than a new epoch.
    voided: u64,
    /// How many replies there were.
    looks: u32,
    /// Whether the store's clock is known worse than the guard.
    is_wide: bool,
}

/// A call may start now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Started {
    /// The reading of the clock that passed the lateness test.
    pub(crate) at: Tick,
    /// How long the call waited for it.
    pub(crate) waited: Duration,
}

/// How long a call may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    /// The end of the whole call.
    pub(crate) deadline: Tick,
    /// The call's own bound on the queue, if it has one.
    pub(crate) at_most: Option<Duration>,
}

/// One slot, and what it depends on.
struct Slot {
    start: StoreTime,
    local: Tick,
    epoch: u64,
    voided: u64,
}

/// What became of a slot when its time came.
enum AtSlot {
    Start(Tick),
    Late(Duration),
    Void,
}

impl Bucket {
    /// The bucket of this id on `store`, which must have a pacer.
    pub(crate) fn new(id: &str, throttle: &Throttle, store: &dyn StitchStore, pacer: Arc<dyn Pacer>) -> Result<Self> {
        let (limits, guard) = throttle.judge()?;
        let store_limits = store.limits();
        let volatile_pause = if store_limits.volatile { Duration::from_millis(100) } else { Duration::ZERO };
        Ok(Self {
            pacer,
            key: fitted(Key::new("pace").part(id), store_limits.max_key),
            store: store.name(),
            timeout: store_limits.timeout,
            limits,
            guard,
            fresh_start: throttle.fresh_start.unwrap_or(volatile_pause),
            max_wait: throttle.max_wait,
            known: Mutex::new(Known {
                clock: StoreClock::new(store_limits.boot_clock),
                trips: Trips::default(),
                newest: None,
                voided: 0,
                looks: 0,
                is_wide: false,
            }),
            turn: futures_util::lock::Mutex::new(()),
        })
    }

    /// Waits until one call may start.
    ///
    /// A slot whose time has passed by more than the guard when the call wakes, or whose cell was lost meanwhile, is
    /// given up for another one. Dropped while waiting: the slot is lost.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if no slot comes in time, [`ErrorKind::Store`] if the store fails.
    pub(crate) async fn start(&self, runtime: &dyn Runtime, wait: Wait, trace: &Trace) -> Result<Started> {
        let asked = runtime.now();
        if !self.knows_the_clock(runtime) {
            let _turn = self.turn.lock().await;
            self.learn_the_clock(runtime, trace).await?;
        }
        // What a process learns once is not a wait for a slot.
        let learned = runtime.now();
        let bounds = [self.max_wait, wait.at_most].into_iter().flatten();
        let latest = bounds.map(|most| learned + most).fold(wait.deadline, Tick::min);
        loop {
            let slot = self.book(runtime, latest, wait.deadline, trace).await?;
            let now = loop {
                let now = runtime.now();
                if now >= slot.local {
                    break now;
                }
                runtime.sleep_until(slot.local).await;
            };
            match self.judge(&slot, now) {
                AtSlot::Start(at) => return Ok(Started { at, waited: at.since(asked) }),
                AtSlot::Late(by) => trace.emit(EventKind::Late { by }),
                AtSlot::Void => trace.emit(EventKind::Voided),
            }
        }
    }

    /// Asks until the store's clock is known well enough: a worker whose only replies were slow could not tell what is late.
    async fn learn_the_clock(&self, runtime: &dyn Runtime, trace: &Trace) -> Result<()> {
        while !self.knows_the_clock(runtime) {
            let pace = self.pace(runtime, Duration::ZERO, 0);
            let voided = self.known().voided;
            let sent = runtime.now();
            let reply = self.reserve(runtime, &pace, trace).await?;
            self.take_in(&reply, &pace, voided, sent, runtime.now(), trace);
        }
        let is_wide = self.spread(runtime) > self.guard;
        let news = std::mem::replace(&mut self.known().is_wide, is_wide) != is_wide;
        if is_wide && news {
            trace.emit(EventKind::StoreClockUncertain { spread: self.spread(runtime) });
        }
        Ok(())
    }

    /// Well enough, or as well as it can.
    fn knows_the_clock(&self, runtime: &dyn Runtime) -> bool {
        self.known().looks >= LOOKS || self.spread(runtime) <= self.guard / 4
    }

    fn spread(&self, runtime: &dyn Runtime) -> Duration {
        self.known().clock.spread(runtime.now())
    }

    /// A request for so many slots.
    fn pace(&self, runtime: &dyn Runtime, horizon: Duration, calls: usize) -> Pace {
        let mut pace = Pace::new(self.limits.clone(), self.guard, runtime.random()).with_calls(calls);
        pace.horizon = horizon;
        pace.fresh_start = self.fresh_start;
        let known = self.known();
        pace.seen = known.newest.as_ref().map(|(_, mark)| mark.clone());
        pace.lead = known.trips.lead(self.guard);
        pace
    }

    async fn reserve(&self, runtime: &dyn Runtime, pace: &Pace, trace: &Trace) -> Result<Reservation> {
        let reserve = self.pacer.reserve(&self.key, pace);
        match watch(runtime, self.timeout, self.store, "reserve", reserve).await {
            Ok(reply) => Ok(reply),
            Err(error) => {
                trace.emit(EventKind::StoreFailed { operation: error.operation(), kind: error.kind() });
                Err(error.into())
            }
        }
    }

    /// Books one slot for which nobody waits in the queue beyond `latest`; the trip to the store does not count.
    async fn book(&self, runtime: &dyn Runtime, latest: Tick, deadline: Tick, trace: &Trace) -> Result<Slot> {
        let _turn = self.turn.lock().await;
        let sent = runtime.now();
        let pace = self.pace(runtime, latest.since(sent), 1);
        let voided = self.known().voided;
        let reply = self.reserve(runtime, &pace, trace).await?;
        let received = runtime.now();
        let slot = self.take_in(&reply, &pace, voided, sent, received, trace);
        if let Some(slot) = slot.filter(|slot| slot.local < deadline) {
            return Ok(slot);
        }
        // What no longer fits is given back if nobody booked behind it; whether that worked changes nothing here.
        if reply.granted > 0 {
            let booking = reply.tail(&pace, 0);
            let refund = self.pacer.refund(&self.key, &booking);
            let _ = watch(runtime, self.timeout, self.store, "refund", refund).await;
        }
        let earliest = reply.starts(&pace).next().or_else(|| reply.next_start(&pace)).unwrap_or(reply.e_min);
        let after = self.known().clock.local(earliest, received).since(latest);
        Err(Error::new(ErrorKind::Refused, "the throttle has no slot in time").with_retry_after(Some(after)))
    }

    /// Learns from a reply, and finds its slot.
    fn take_in(
        &self,
        reply: &Reservation,
        pace: &Pace,
        voided: u64,
        sent: Tick,
        received: Tick,
        trace: &Trace,
    ) -> Option<Slot> {
        let mark = reply.mark(pace);
        let epoch = mark.epoch;
        let mut known = self.known();
        known.looks = known.looks.saturating_add(1);
        known.trips.took(received.since(sent));
        let went_back = known.clock.observe(reply.now, sent, received) == Observed::WentBack;
        if went_back {
            known.voided += 1;
        }
        // A reply to a request from before the clock went back belongs to the old time, as do its bookings.
        let voided = if went_back { known.voided } else { voided };
        let newest = known.newest.as_ref();
        let is_newer = newest.is_none_or(|(now, newest)| (*now, newest.seq) <= (reply.now, mark.seq));
        // A cell that only came to its end while nobody called is no loss: nothing was booked ahead in it.
        let was_lost = is_newer
            && newest.is_some_and(|(_, old)| old.epoch != epoch && old.tats.iter().any(|tat| *tat > reply.now));
        if is_newer || went_back {
            known.newest = Some((reply.now, mark));
        }
        let slot = reply.starts(pace).next().map(|start| {
            let local = known.clock.local(start, received);
            Slot { start, local, epoch, voided }
        });
        drop(known);

        if went_back {
            trace.emit(EventKind::StoreClockWentBack);
        }
        if was_lost {
            trace.emit(EventKind::StateLost);
        }
        slot
    }

    /// Whether a call may still start on its slot.
    fn judge(&self, slot: &Slot, now: Tick) -> AtSlot {
        let known = self.known();
        let epoch = known.newest.as_ref().map_or(slot.epoch, |(_, mark)| mark.epoch);
        if (epoch, known.voided) != (slot.epoch, slot.voided) {
            return AtSlot::Void;
        }
        // A better bound may have come while the call slept: the earlier time is nearer to the true one.
        let mut due = slot.local.min(known.clock.local(slot.start, now));
        // Where the clock is known well, what may be late is late: a start is never later than the guard.
        if known.clock.spread(now) <= self.guard / 2 {
            due = due.min(known.clock.local_at_least(slot.start, now));
        }
        if now < due + self.guard { AtSlot::Start(now) } else { AtSlot::Late(now.since(due)) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
