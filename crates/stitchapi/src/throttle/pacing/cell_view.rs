//! What the replies of a store have told about one bucket.

use std::iter::repeat_n;
use std::time::Duration;

use stitchapi_core::pace::{Cell, CellSnapshot, GcraSet, Limit, Reservation, ReserveRequest, Tat};
use stitchapi_core::{StoreTime, Tick};

use super::round_trips::Trips;
use super::slots::{Slot, Stamp};
use super::store_clock::{Observed, Offset, StoreClock};

/// So many replies a process has had before its first start, unless an earlier one was quick.
const LOOKS: u32 = 4;

/// What a process knows of a bucket.
#[derive(Debug)]
pub(in crate::throttle) struct Known {
    clock: StoreClock,
    trips: Trips,
    newest: Option<Newest>,
    /// Goes up when bookings become void for a reason other than a new epoch.
    voided: u64,
    /// How many replies there were.
    looks: u32,
    /// When the store's clock was known well enough.
    learned: Option<Tick>,
    /// Nobody starts before this.
    held_until: StoreTime,
    /// The window in which the store has counted this process last, and the epoch of the cell that did.
    counted: Option<(u64, u64)>,
    /// How many processes there are.
    active: Option<u32>,
    /// Whether the store's clock is known worse than the guard.
    is_wide: bool,
    /// Whether a stricter setting than ours is in force.
    is_stricter: bool,
}

/// The newest state of the cell.
#[derive(Debug)]
struct Newest {
    /// The store's time of that reply.
    now: StoreTime,
    snapshot: CellSnapshot,
    /// The limits as they were left.
    gcra: GcraSet,
    /// When the request was sent.
    sent: Tick,
}

/// What a reply has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::throttle) struct Learned {
    pub(in crate::throttle) went_back: bool,
    pub(in crate::throttle) was_lost: bool,
    /// The clock turned out to be known worse than the guard: how badly.
    pub(in crate::throttle) uncertain: Option<Duration>,
    /// A stricter setting than ours came into force.
    pub(in crate::throttle) stricter: bool,
    /// Nobody starts for so long from now: news.
    pub(in crate::throttle) held: Option<Duration>,
}

impl Known {
    /// `is_one` where the store's clock is this process' own.
    pub(in crate::throttle) fn new(is_one: bool) -> Self {
        Self {
            clock: StoreClock::new(is_one),
            trips: Trips::default(),
            newest: None,
            voided: 0,
            looks: 0,
            learned: None,
            held_until: StoreTime(0),
            counted: None,
            active: None,
            is_wide: false,
            is_stricter: false,
        }
    }

    /// Fills a request with what is remembered.
    pub(in crate::throttle) fn remember(&self, pace: &mut ReserveRequest) {
        pace.snapshot = self.newest.as_ref().map(|newest| newest.snapshot.clone());
        let here =
            |(epoch, window)| pace.snapshot.as_ref().is_some_and(|snapshot| snapshot.epoch == epoch).then_some(window);
        pace.counted = self.counted.and_then(here);
        pace.lead = self.trips.lead(pace.guard);
    }

    /// How many processes there are, as the newest replies had it.
    pub(in crate::throttle) fn active(&self) -> Option<u32> {
        self.active
    }

    /// Until when this fleet may have booked, at `sent`: since the newest reply as much as was started, and the slots that one
    /// process may hold.
    pub(in crate::throttle) fn booked_until(&self, limits: usize, max_booked: usize, sent: Tick, now: Tick) -> Tick {
        let (before, one) = (u64::try_from(max_booked).unwrap_or(u64::MAX), vec![1; limits]);
        let Some(newest) = &self.newest else { return sent };
        let next = newest.gcra.due_behind(repeat_n(before, limits), &one, newest.now.max(self.held_until));
        self.local(next, now) + sent.since(newest.sent)
    }

    /// Whether the limit at `index` will have credit for so many units at a time, if nobody draws on it until then.
    pub(in crate::throttle) fn has_credit(&self, index: usize, units: u64, at: Tick, now: Tick) -> bool {
        let Some(newest) = self.newest.as_ref().filter(|_| units > 0) else { return true };
        let before = repeat_n(0, index).chain([units - 1]);
        let mut one = vec![0; index + 1];
        one[index] = 1;
        let e_min = self.store_time(now, now).map_or(newest.now, |(earliest, _)| earliest);
        self.local(newest.gcra.due_behind(before, &one, e_min), now) <= at
    }

    /// Fills the request of one who comes back from an outage: since the store's time `since` every process has drawn alone,
    /// which the cell does not know. Together they drew at most at the rate until then, and so much at once.
    pub(in crate::throttle) fn remember_alone(
        &self,
        pace: &mut ReserveRequest,
        at_once: &[i64],
        since: StoreTime,
        until: Tick,
        now: Tick,
    ) {
        let (Some(newest), Some((_, until))) = (&self.newest, self.store_time(until, now)) else { return };
        let Some(snapshot) = &mut pace.snapshot else { return };
        let mut gcra = newest.gcra.clone();
        for (index, units) in at_once.iter().enumerate() {
            gcra.settle(index, *units, since);
        }
        for ((tat, drawn), limit) in snapshot.tats.iter_mut().zip(gcra.tats()).zip(&pace.limits) {
            let spent = until + (limit.id.period() + pace.guard) / limit.permits.max(1) * limit.burst;
            *tat = (*tat).max(spent.min(drawn.rounded_up() + until.since(since)));
        }
    }

    /// The stamp of what is booked by a request that goes out now.
    pub(in crate::throttle) fn voided(&self) -> u64 {
        self.voided
    }

    /// When the store's clock was known well enough for a start, or as well as it can be.
    pub(in crate::throttle) fn learned(&self) -> Option<Tick> {
        self.learned
    }

    /// The store's time of the newest reply.
    pub(in crate::throttle) fn newest(&self) -> Option<StoreTime> {
        self.newest.as_ref().map(|newest| newest.now)
    }

    /// When the request of the newest reply was sent.
    pub(in crate::throttle) fn confirmed(&self) -> Option<Tick> {
        self.newest.as_ref().map(|newest| newest.sent)
    }

    /// How long a usual trip takes.
    pub(in crate::throttle) fn usual_trip(&self) -> Duration {
        self.trips.usual()
    }

    /// The local time of a store's time, never early.
    pub(in crate::throttle) fn local(&self, time: StoreTime, now: Tick) -> Tick {
        self.clock.at(now).local(time)
    }

    /// What is known of the store's clock now.
    pub(in crate::throttle) fn clock_at(&self, now: Tick) -> Offset {
        self.clock.at(now)
    }

    /// The store's time at a local one, at the earliest and at the latest, if anything is known.
    pub(in crate::throttle) fn store_time(&self, at: Tick, now: Tick) -> Option<(StoreTime, StoreTime)> {
        self.clock.at(now).store_time(at)
    }

    /// Learns from a reply to a request that was sent at `sent`, when bookings had the stamp `voided`; the starts that it
    /// books that are good.
    pub(in crate::throttle) fn take_in(
        &mut self,
        reply: &Reservation,
        pace: &ReserveRequest,
        voided: u64,
        sent: Tick,
        received: Tick,
    ) -> (Vec<(StoreTime, Stamp)>, Learned) {
        let mut learned = Learned::default();
        self.looks = self.looks.saturating_add(1);
        self.trips.took(received.since(sent));
        learned.went_back = self.clock.observe(reply.now, sent, received) == Observed::WentBack;
        self.voided += u64::from(learned.went_back);
        // A reply to a request from before the clock went back belongs to the old time, as do its bookings.
        let voided = if learned.went_back { self.voided } else { voided };

        let mut starts = reply.starts(pace);
        let booked: Vec<StoreTime> = starts.by_ref().collect();
        let gcra = starts.into_gcra();
        let mut snapshot = reply.snapshot_after(pace, &gcra);
        let epoch = snapshot.epoch;
        self.counted = reply.counted.map(|window| (epoch, window)).or(self.counted);
        let newest = self.newest.as_ref();
        // This request may have gone out before another one that booked.
        snapshot.booked = newest
            .filter(|newest| newest.snapshot.epoch == epoch)
            .map_or(snapshot.booked, |newest| newest.snapshot.booked.max(snapshot.booked));
        let is_newer = newest.is_none_or(|newest| (newest.now, newest.snapshot.seq) <= (reply.now, snapshot.seq));
        // A cell that only came to its end while nobody called is no loss.
        learned.was_lost =
            is_newer && newest.is_some_and(|old| old.snapshot.epoch != epoch && old.snapshot.kept_until() > reply.now);
        if is_newer || learned.went_back {
            self.newest = Some(Newest { now: reply.now, snapshot, gcra, sent });
            self.count(reply);
        }

        self.hold(&reply.cell, reply.now, learned.went_back, &mut learned);
        let stricter = is_stricter(&reply.cell, &pace.limits);
        learned.stricter = stricter && !std::mem::replace(&mut self.is_stricter, stricter);
        self.judge_the_clock(pace.guard, received, &mut learned);
        let stamp = Stamp { epoch, voided };
        (booked.into_iter().map(|start| (start, stamp)).collect(), learned)
    }

    /// A cell in which nobody asked in the window before has only begun to count: what was known before is forgotten when
    /// a window is over.
    fn count(&mut self, reply: &Reservation) {
        let (active, processes) = (reply.active(), reply.cell.processes.at(reply.now));
        self.active = if processes.previous > 0 { Some(active) } else { self.active.map(|known| known.max(active)) };
    }

    fn hold(&mut self, cell: &Cell, now: StoreTime, went_back: bool, learned: &mut Learned) {
        if went_back {
            self.held_until = cell.held_until;
        } else if cell.held_until > self.held_until {
            self.held_until = cell.held_until;
            learned.held = Some(cell.held_until.since(now)).filter(|held| !held.is_zero());
        }
    }

    fn judge_the_clock(&mut self, guard: Duration, now: Tick, learned: &mut Learned) {
        let spread = self.clock.at(now).spread();
        if self.learned.is_none() && (self.looks >= LOOKS || spread <= guard / 4) {
            self.learned = Some(now);
        }
        if self.learned.is_some() {
            let is_wide = spread > guard;
            let news = std::mem::replace(&mut self.is_wide, is_wide) != is_wide;
            learned.uncertain = Some(spread).filter(|_| is_wide && news);
        }
    }

    /// A charge was corrected: when the next one could start is another time now, though no reply has said so yet.
    pub(in crate::throttle) fn settle(&mut self, index: usize, delta: i64, now: Tick) {
        let Some((earliest, _)) = self.store_time(now, now) else { return };
        if let Some(newest) = &mut self.newest {
            newest.gcra.settle(index, delta, earliest);
        }
    }

    /// Nobody starts before this, though no reply has said so yet; whether that is later than before.
    pub(in crate::throttle) fn hold_until(&mut self, until: StoreTime) -> bool {
        let is_news = until > self.held_until;
        self.held_until = self.held_until.max(until);
        is_news
    }

    /// For how long nobody starts.
    pub(in crate::throttle) fn held_for(&self, now: Tick) -> Duration {
        self.local(self.held_until, now).since(now)
    }

    pub(in crate::throttle) fn is_stricter(&self) -> bool {
        self.is_stricter
    }

    /// After how long each limit has its whole burst again, if any reply has told.
    pub(in crate::throttle) fn full_in(&self, now: Tick) -> Option<Vec<Duration>> {
        let full_at = |tat: Tat| self.local(tat.rounded_up(), now);
        Some(self.newest.as_ref()?.gcra.tats().map(|tat| full_at(tat).since(now)).collect())
    }

    /// Whether nothing of what is known matters any more.
    pub(in crate::throttle) fn is_over(&self, now: Tick) -> bool {
        let Some(newest) = &self.newest else { return true };
        let Some((earliest, _)) = self.store_time(now, now) else { return true };
        earliest >= self.held_until && newest.snapshot.tats.iter().all(|tat| *tat <= earliest)
    }

    /// Whether a slot is void: its cell has been lost, the clock went back, or a hold stands before it.
    pub(in crate::throttle) fn is_void(&self, start: StoreTime, stamp: Stamp) -> bool {
        let epoch = self.newest.as_ref().map_or(stamp.epoch, |newest| newest.snapshot.epoch);
        stamp != Stamp { epoch, voided: self.voided } || start < self.held_until
    }

    /// By how much a start now would be late, counted from the slot; `None` if it is in time.
    pub(in crate::throttle) fn lateness(
        &self,
        slot: &Slot,
        start: StoreTime,
        now: Tick,
        guard: Duration,
    ) -> Option<Duration> {
        let offset = self.clock.at(now);
        // A better bound may have come since the slot was booked: the earlier time is nearer to the true one.
        let mut due = slot.due.min(offset.local(start));
        // Where the clock is known well, what may be late is late: a start is never later than the guard.
        if offset.spread() <= guard / 2 {
            due = due.min(offset.local_at_least(start));
        }
        (now >= due + guard).then(|| now.since(due))
    }

    /// When a caller could start behind others who cost `before` together, as far as this process knows: others may have
    /// booked since.
    pub(in crate::throttle) fn due_behind(
        &self,
        before: impl IntoIterator<Item = u64>,
        units: &[u32],
        now: Tick,
    ) -> Option<Tick> {
        let newest = self.newest.as_ref()?;
        let (earliest, _) = self.store_time(now, now)?;
        let e_min = earliest.max(self.held_until);
        Some(self.local(newest.gcra.due_behind(before, units, e_min), now))
    }
}

/// Whether the cell has a stricter setting than these.
fn is_stricter(cell: &Cell, limits: &[Limit]) -> bool {
    limits.iter().any(|ours| {
        let theirs = cell.limits.iter().find(|theirs| theirs.id == ours.id);
        theirs.is_some_and(|theirs| theirs.permits.value < ours.permits || theirs.burst.value < ours.burst)
    })
}
