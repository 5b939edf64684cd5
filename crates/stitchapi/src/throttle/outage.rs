//! What a process does while the store is away.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::pace::{Limit, LimitId};
use stitchapi_core::{StoreError, Tick};

use super::pacing::Pacing;

/// How the throttle of a process goes on when its store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OutagePolicy {
    /// Each process paces alone, at its share: the budget by the number of processes
    /// ([`fleet_size`](super::Throttle::fleet_size)). All together stay within the budget.
    #[default]
    Local,
    /// No call starts: each fails at once, as [`ErrorKind::Store`](crate::ErrorKind::Store).
    Closed,
    /// Every call starts at once. Nobody keeps to the budget: for an API that you may overrun.
    Open,
}

/// How long after the failed operation others use what they have booked; nobody starts alone before, and what is booked for
/// later is not used.
pub(super) const BOOKED_AHEAD: Duration = Duration::from_secs(1);
/// How often the store is tried.
pub(super) const PROBE_EVERY: Duration = Duration::from_millis(250);
/// So many processes there are taken to be, if nobody says.
pub(super) const FLEET_SIZE: u32 = 8;

/// A process without its store.
#[derive(Debug)]
pub(super) struct Outage {
    /// This process' share of the budget.
    pub(super) pacing: Pacing,
    /// How far apart its starts are, and how late one may be: how long a returning fleet pauses.
    pub(super) pause: Duration,
    pub(super) began: Tick,
    /// The last try of the store ended then.
    tried: Tick,
    probing: bool,
    /// The store is back, and the fleet stays alone until then.
    until: Option<Tick>,
    /// What failed last.
    pub(super) error: Arc<StoreError>,
}

impl Outage {
    /// The outage that begins with an operation that was sent at `sent` and failed.
    pub(super) fn new(
        limits: &[Limit],
        guard: Duration,
        fleet_size: u32,
        sent: Tick,
        now: Tick,
        error: Arc<StoreError>,
    ) -> Self {
        let share = share(limits, fleet_size);
        let spacing = spacing(&share, guard);
        let pacing = Pacing::new(&share, guard, sent + BOOKED_AHEAD + spacing);
        Self { pacing, pause: spacing + guard, began: now, tried: now, probing: false, until: None, error }
    }

    /// Whether it is time to try the store.
    pub(super) fn wants_probe(&self, now: Tick) -> bool {
        self.until.is_none() && self.next_look().is_some_and(|at| now >= at)
    }

    pub(super) fn probes(&mut self) {
        self.probing = true;
    }

    /// A probe has ended.
    pub(super) fn probed(&mut self, now: Tick) {
        self.probing = false;
        self.tried = now;
    }

    /// The store is back; everybody stays alone until then.
    pub(super) fn stay_until(&mut self, until: Tick) {
        self.until = Some(until);
    }

    /// Whether the fleet has been together again for long enough.
    pub(super) fn is_over(&self, now: Tick) -> bool {
        self.until.is_some_and(|until| now >= until)
    }

    /// Whether it goes on: the fleet stays alone, or the store was tried lately and was away. One who has not called for
    /// long does not know that it is still away.
    pub(super) fn is_fresh(&self, now: Tick) -> bool {
        match self.until {
            Some(until) => now < until,
            None => now.since(self.tried) <= PROBE_EVERY * 4,
        }
    }

    /// When to look again, at the latest; while the store is being tried, its answer or its failure is what is waited for.
    pub(super) fn next_look(&self) -> Option<Tick> {
        self.until.or_else(|| (!self.probing).then(|| self.tried + PROBE_EVERY))
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
        let mut outage = Outage::new(&[limit(10, 1)], Duration::from_millis(5), 4, Tick(0), Tick(0), error.into());
        assert_eq!(outage.next_look(), Some(Tick(0) + PROBE_EVERY));
        outage.probes();
        // A time that has passed would be looked at again and again.
        assert_eq!(outage.next_look(), None);
        outage.probed(Tick(0) + PROBE_EVERY);
        assert_eq!(outage.next_look(), Some(Tick(0) + 2 * PROBE_EVERY));
    }
}
