//! What a process does while the store is away.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::pace::{Limit, LimitId};
use stitchapi_core::{StoreError, StoreTime, Tick};

use super::cell_source::TOUCH_EARLY;
use super::in_process::Pacing;
use super::planner::TOUCH_EVERY;
use crate::outage::FleetSize;

/// How long after the failed operation others may have booked ahead, though this process has not seen that.
pub(in crate::throttle) const BOOKED_AHEAD: Duration = Duration::from_secs(1);
/// How often the store is tried.
pub(in crate::throttle) const PROBE_EVERY: Duration = Duration::from_millis(250);
/// How long after it was found the store is tried once more: whoever uses it has moved the cell by then.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// So many processes there are taken to be, if nobody says.
const ASSUMED: u32 = 8;

/// How many processes there are, and how that is known.
pub(in crate::throttle) fn fleet_size(declared: Option<u32>, counted: Option<u32>) -> (u32, FleetSize) {
    match (declared, counted) {
        (Some(declared), _) => (declared, FleetSize::Declared),
        (None, Some(counted)) => (counted, FleetSize::Counted),
        (None, None) => (ASSUMED, FleetSize::Assumed),
    }
}

/// A process without its store.
#[derive(Debug)]
pub(in crate::throttle) struct Outage {
    /// This process' share of the budget.
    pub(in crate::throttle) pacing: Pacing,
    /// So many processes share the budget.
    pub(in crate::throttle) fleet_size: u32,
    /// How far apart its starts are, and how late one may be: how long a returning fleet pauses.
    pub(in crate::throttle) pause: Duration,
    pub(in crate::throttle) began: Tick,
    /// The store's time of the newest reply before it: nobody was alone then.
    pub(in crate::throttle) since: StoreTime,
    /// The last try of the store ended then.
    tried: Tick,
    probing: bool,
    /// The last try found it.
    is_found: bool,
    /// The store is back, and the fleet stays alone until then.
    until: Option<Tick>,
    /// What failed last.
    pub(in crate::throttle) error: Arc<StoreError>,
}

impl Outage {
    /// The outage that begins now. Others use until `booked_until` what they have booked.
    pub(in crate::throttle) fn new(
        limits: &[Limit],
        guard: Duration,
        fleet_size: u32,
        since: StoreTime,
        booked_until: Tick,
        now: Tick,
        error: Arc<StoreError>,
    ) -> Self {
        let share = share(limits, fleet_size);
        let spacing = spacing(&share, guard);
        let pacing = Pacing::new(&share, guard, booked_until + spacing);
        Self {
            pacing,
            fleet_size,
            pause: spacing + guard,
            began: now,
            since,
            tried: now,
            probing: false,
            is_found: false,
            until: None,
            error,
        }
    }

    /// Whether it is time to try the store.
    pub(in crate::throttle) fn wants_probe(&self, holds: bool, now: Tick) -> bool {
        self.until.is_none() && self.next_look(holds).is_some_and(|at| now >= at)
    }

    pub(in crate::throttle) fn probes(&mut self) {
        self.probing = true;
    }

    /// A probe has ended.
    pub(in crate::throttle) fn probed(&mut self, now: Tick) {
        self.probing = false;
        self.tried = now;
    }

    /// The store has answered, or failed again.
    ///
    /// What this process remembers of the cell is from before the outage, and others have moved it until that began: only a
    /// move between two answers says that somebody uses it.
    pub(in crate::throttle) fn finds(&mut self, is_found: bool) {
        self.is_found = is_found;
    }

    /// Whether the last try but one found it: then the last one told whether anybody uses it.
    pub(in crate::throttle) fn is_found(&self) -> bool {
        self.is_found
    }

    /// The store is back; everybody stays alone until then.
    pub(in crate::throttle) fn stay_until(&mut self, until: Tick) {
        self.until = Some(until);
    }

    /// Whether the fleet has been together again for long enough.
    pub(in crate::throttle) fn is_over(&self, now: Tick) -> bool {
        self.until.is_some_and(|until| now >= until)
    }

    /// Whether it goes on: the fleet stays alone, or the store was tried lately and was away. One who has not called for
    /// long does not know that it is still away.
    pub(in crate::throttle) fn is_fresh(&self, now: Tick) -> bool {
        match self.until {
            Some(until) => now < until,
            None => now.since(self.tried) <= PROBE_EVERY * 4,
        }
    }

    /// When to look again, at the latest; while the store is being tried, its answer or its failure is what is waited for.
    ///
    /// A process that holds slots hears of a lost cell before the first slots of the next one, as it does while the store
    /// is there.
    pub(in crate::throttle) fn next_look(&self, holds: bool) -> Option<Tick> {
        let pause = match (self.is_found, holds) {
            (true, _) => LOOK_AGAIN,
            (false, true) => TOUCH_EVERY - TOUCH_EARLY,
            (false, false) => PROBE_EVERY,
        };
        self.until.or_else(|| (!self.probing).then(|| self.tried + pause))
    }
}

/// Each limit by the number of processes, with a burst of 1: all together never exceed it. Where there is less than one
/// permit for each, one in as many periods as it takes.
fn share(limits: &[Limit], fleet_size: u32) -> Vec<Limit> {
    let fleet_size = fleet_size.max(1);
    let share = |limit: &Limit| {
        let permits = limit.permits / fleet_size;
        let periods = if permits == 0 { fleet_size.div_ceil(limit.permits.max(1)) } else { 1 };
        let id = LimitId::new(limit.id.unit().to_owned(), limit.id.period().saturating_mul(periods));
        Limit { id, permits: permits.max(1), burst: 1 }
    };
    limits.iter().map(share).collect()
}

/// How far apart the starts of the shortest limit are.
fn spacing(limits: &[Limit], guard: Duration) -> Duration {
    let spacings = limits.iter().map(|limit| (limit.id.period(), (limit.id.period() + guard) / limit.permits.max(1)));
    spacings.min().map_or(Duration::ZERO, |(_, spacing)| spacing + Duration::from_micros(1))
}

#[cfg(test)]
mod tests {
    use stitchapi_core::StoreErrorKind;

    use super::*;

    fn limit(permits: u32, burst: u32) -> Limit {
        Limit { id: LimitId::calls(Duration::from_secs(1)), permits, burst }
    }

    #[test]
    fn the_shares_of_a_fleet_are_never_more_than_the_budget() {
        let of = |permits, fleet| {
            let share = share(&[limit(permits, 5)], fleet).remove(0);
            (share.permits, share.burst, share.id.period())
        };
        let second = Duration::from_secs(1);
        assert_eq!(of(200, 4), (50, 1, second));
        assert_eq!(of(10, 4), (2, 1, second));
        assert_eq!(of(3, 8), (1, 1, 3 * second));
        assert_eq!(of(1, 8), (1, 1, 8 * second));
    }

    #[test]
    fn while_the_store_is_tried_nothing_is_to_be_looked_at() {
        let error = StoreError::new(StoreErrorKind::Unavailable, "memory", "reserve");
        let mut outage =
            Outage::new(&[limit(10, 1)], Duration::from_millis(5), 4, StoreTime(0), Tick(0), Tick(0), error.into());
        assert_eq!(outage.next_look(false), Some(Tick(0) + PROBE_EVERY));
        outage.probes();
        // A time that has passed would be looked at again and again.
        assert_eq!(outage.next_look(false), None);
        outage.probed(Tick(0) + PROBE_EVERY);
        assert_eq!(outage.next_look(false), Some(Tick(0) + 2 * PROBE_EVERY));
    }
}
