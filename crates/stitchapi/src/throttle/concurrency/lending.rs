//! What this process has of a store's places, and what there is to ask for: no I/O, no waiting.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{Lease, Owner, Runtime, StoreError, Tick};

use super::away::Away;
use super::operation::{Answer, Answered, Kind, Operation};
use super::register::Work;
use super::terms::Terms;
use crate::trace::EventKind;

/// For so long a process passes a place on among its own callers; then the place goes back to the store, where others may
/// wait longer. Two trips in this time, and nobody elsewhere waits more than this and a call longer for it.
const KEPT: Duration = Duration::from_millis(500);
/// So many places are asked for at once, at most, while there are free ones.
const AT_ONCE: usize = 16;

/// The places of one bucket that this process has from a store.
#[derive(Debug)]
pub(super) struct Lending {
    loans: HashMap<Owner, Loan>,
    under_way: HashMap<Owner, Kind>,
    /// Who waits in the store's queue for all of this process.
    parked: Option<Parked>,
    /// What is to be given back, each until it ends by itself.
    releases: VecDeque<(Owner, Tick)>,
    /// So many more are asked for at once: places seem to be free.
    batch: usize,
    /// When that was asked to which the store has last said that no place is free.
    busy_at: Tick,
    pub(super) away: Option<Away>,
    /// No loan is to be looked at before.
    look_at: Tick,
}

/// A place that a call of this process is using.
#[derive(Debug)]
struct Loan {
    lease: Backing,
    since: Tick,
    /// When to renew it, or to ask for one.
    renew_at: Tick,
}

/// What stands behind a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backing {
    /// A lease, until then.
    Lease(Tick),
    /// One that was lost.
    Lost,
    /// Given out while the store was away.
    Nothing,
}

#[derive(Debug)]
struct Parked {
    owner: Owner,
    ask_at: Tick,
    poll: Duration,
}

impl Default for Lending {
    fn default() -> Self {
        Self {
            loans: HashMap::new(),
            under_way: HashMap::new(),
            parked: None,
            releases: VecDeque::new(),
            batch: 0,
            busy_at: Tick(0),
            away: None,
            look_at: Tick(u64::MAX),
        }
    }
}

impl Lending {
    /// How many places are in use here.
    pub(super) fn used(&self) -> usize {
        self.loans.len()
    }

    /// How many this process may use: all there are, or its share.
    fn most(&self, terms: &Terms) -> usize {
        if self.away.is_some() { terms.share as usize } else { terms.limit as usize }
    }

    /// Whether there is nothing to be done for anybody.
    pub(super) fn is_idle(&self) -> bool {
        let is_away = self.away.as_ref().is_some_and(Away::is_away);
        self.loans.is_empty() && self.under_way.is_empty() && (is_away || self.releases.is_empty())
    }

    /// Whether the place is this call's for certain. One that was given out without the store is.
    pub(super) fn is_held(&self, owner: &Owner, now: Tick) -> bool {
        self.loans.get(owner).is_some_and(|loan| match loan.lease {
            Backing::Lease(until) => now < until,
            Backing::Lost => false,
            Backing::Nothing => true,
        })
    }

    /// Whether the store has still to be heard about somebody who waits since `asked`.
    pub(super) fn is_open(&self, asked: Tick, terms: &Terms) -> bool {
        let is_away = self.away.as_ref().is_some_and(Away::is_away);
        !is_away && self.busy_at < asked && self.loans.len() < self.most(terms)
    }

    /// A place without the store, if this process' share has one left.
    pub(super) fn draw(&mut self, terms: &Terms, now: Tick, runtime: &dyn Runtime) -> Option<Owner> {
        (self.loans.len() < terms.share as usize).then(|| self.draw_freely(now, runtime))
    }

    /// A place without the store.
    pub(super) fn draw_freely(&mut self, now: Tick, runtime: &dyn Runtime) -> Owner {
        let owner = Owner::random(runtime);
        self.lend(owner, Backing::Nothing, now, now);
        owner
    }

    /// Ends the use of a place; whether it is there for another caller of this process.
    pub(super) fn give_back(&mut self, owner: &Owner, somebody_waits: bool, terms: &Terms, now: Tick) -> bool {
        let Some(loan) = self.loans.get(owner) else { return false };
        let is_young = matches!(loan.lease, Backing::Lease(until) if now < until) && now.since(loan.since) < KEPT;
        let is_away = self.away.as_ref().is_some_and(Away::is_away);
        if somebody_waits && is_young && !is_away && self.loans.len() <= self.most(terms) {
            return true;
        }
        if loan.lease != Backing::Nothing || self.under_way.contains_key(owner) {
            self.release(*owner, now + terms.ttl);
        }
        self.loans.remove(owner);
        false
    }

    /// Takes in what the store has said; a place that has come for whoever is next.
    pub(super) fn take_in(
        &mut self,
        answered: &Answered,
        terms: &Terms,
        now: Tick,
        runtime: &dyn Runtime,
        work: &mut Work,
    ) -> Option<Owner> {
        let Operation { kind, owner } = answered.operation;
        self.under_way.remove(&owner);
        if matches!(answered.answer, Ok(Answer::Lease(Lease::Busy { .. }))) {
            self.busy_at = self.busy_at.max(answered.sent);
        }
        let valid_until = answered.sent + terms.ttl;
        let answer = match &answered.answer {
            Ok(answer) => *answer,
            Err(error) => {
                self.fail(kind, owner, valid_until, error, terms, now, work);
                return None;
            }
        };
        match (kind, answer) {
            (Kind::Ask | Kind::Try, Answer::Lease(Lease::Held { .. })) => {
                self.batch = (self.batch * 2).clamp(1, AT_ONCE);
                if kind == Kind::Ask {
                    self.parked = None;
                }
                self.lend(owner, Backing::Lease(valid_until), now, answered.sent + terms.ttl / 3);
                return Some(owner);
            }
            (_, Answer::Lease(Lease::Held { .. })) | (Kind::Renew, Answer::Renewed(true)) => {
                match self.loans.get_mut(&owner) {
                    Some(loan) => {
                        loan.lease = Backing::Lease(valid_until);
                        loan.renew_at = answered.sent + terms.ttl / 3;
                        self.look_at = self.look_at.min(loan.renew_at);
                    }
                    None => self.release(owner, valid_until),
                }
            }
            (Kind::Ask, Answer::Lease(Lease::Busy { retry_after })) => {
                self.batch = 0;
                if let Some(parked) = self.parked.as_mut().filter(|parked| parked.owner == owner) {
                    let (ask_at, poll) = terms.ask_again(parked.poll, now, runtime);
                    // Not later than a place ends by itself, nor than the one in the queue.
                    let soon = retry_after.max(terms.first_poll()).min(terms.park / 3);
                    (parked.ask_at, parked.poll) = (ask_at.min(now + soon), poll);
                }
            }
            (Kind::Try, _) => self.batch = 0,
            (Kind::Renew, Answer::Renewed(false)) => {
                if let Some(loan) = self.loans.get_mut(&owner) {
                    lose(loan, now, work);
                    self.look_at = now;
                }
            }
            // If nobody elsewhere waits longer, it comes back at once.
            (Kind::Release, _) => {
                if let Some(parked) = &mut self.parked {
                    (parked.ask_at, parked.poll) = (now, terms.first_poll());
                }
            }
            (Kind::Probe, _) => {
                if let Some(away) = &mut self.away {
                    away.returns(terms, now);
                }
                self.loans.values_mut().for_each(|loan| loan.renew_at = now);
                self.look_at = now;
            }
            (Kind::Ask | Kind::Adopt | Kind::Renew, _) => {}
        }
        None
    }

    #[expect(clippy::too_many_arguments, reason = "one caller, which has all of it at hand")]
    fn fail(
        &mut self,
        kind: Kind,
        owner: Owner,
        valid_until: Tick,
        error: &Arc<StoreError>,
        terms: &Terms,
        now: Tick,
        work: &mut Work,
    ) {
        // It may have been done all the same.
        let is_loose = matches!(kind, Kind::Ask | Kind::Try | Kind::Release) || !self.loans.contains_key(&owner);
        if is_loose && kind != Kind::Probe {
            self.release(owner, valid_until);
        }
        if self.parked.as_ref().is_some_and(|parked| parked.owner == owner) {
            self.parked = None;
        }
        match &mut self.away {
            Some(away) => away.fails(now, error.clone()),
            None => {
                self.away = Some(Away::new(now, error.clone()));
                let Terms { policy, fleet_size, known, .. } = *terms;
                work.events.push(EventKind::OutageBegan { policy, fleet_size, known });
            }
        }
    }

    /// Says what to ask the store, and when, for so many who wait.
    pub(super) fn plan(&mut self, waiting: usize, terms: &Terms, now: Tick, runtime: &dyn Runtime, work: &mut Work) {
        if let Some(lasted) = self.away.as_ref().and_then(|away| away.is_over(now)) {
            self.away = None;
            work.events.push(EventKind::OutageEnded { lasted });
        }
        if let Some(away) = &self.away {
            away.until().into_iter().for_each(|until| work.turn_at(until));
            if away.is_away() {
                let (probe_at, is_wanted) = (away.probe_at(), waiting > 0 || !self.loans.is_empty());
                let is_probing = self.under_way.values().any(|kind| *kind == Kind::Probe);
                match is_wanted && !is_probing {
                    true if probe_at <= now => self.ask(Kind::Probe, Owner::random(runtime), work),
                    true => work.turn_at(probe_at),
                    false => {}
                }
                return;
            }
        }
        self.review(terms, now, work);
        self.seek(waiting, terms, now, runtime, work);
        self.send_releases(now, work);
    }

    /// Renews what it is time for.
    fn review(&mut self, terms: &Terms, now: Tick, work: &mut Work) {
        if now >= self.look_at {
            self.look_at = Tick(u64::MAX);
            let mut due = Vec::new();
            for (owner, loan) in &mut self.loans {
                if matches!(loan.lease, Backing::Lease(until) if until <= now) {
                    lose(loan, now, work);
                }
                if loan.renew_at <= now && !self.under_way.contains_key(owner) {
                    loan.renew_at = now + terms.ttl / 3;
                    let is_leased = matches!(loan.lease, Backing::Lease(_));
                    due.push((if is_leased { Kind::Renew } else { Kind::Adopt }, *owner));
                }
                let ends = if let Backing::Lease(until) = loan.lease { until } else { Tick(u64::MAX) };
                self.look_at = self.look_at.min(ends).min(loan.renew_at.max(now + terms.first_poll()));
            }
            due.into_iter().for_each(|(kind, owner)| self.ask(kind, owner, work));
        }
        if !self.loans.is_empty() {
            work.turn_at(self.look_at);
        }
    }

    /// Asks for places for those who wait: one in the queue for all of them, more while there are free ones.
    fn seek(&mut self, waiting: usize, terms: &Terms, now: Tick, runtime: &dyn Runtime, work: &mut Work) {
        let asked = self.under_way.values().filter(|kind| matches!(kind, Kind::Ask | Kind::Try)).count();
        let room = self.most(terms).saturating_sub(self.loans.len() + asked);
        let mut wanted = waiting.saturating_sub(asked).min(room);
        let is_asking = self.parked.as_ref().is_some_and(|parked| self.under_way.contains_key(&parked.owner));
        if wanted == 0 {
            if asked == 0
                && let Some(parked) = self.parked.take()
            {
                self.release(parked.owner, now + terms.park);
            }
            return;
        }
        if !is_asking {
            let first = || Parked { owner: Owner::random(runtime), ask_at: now, poll: terms.first_poll() };
            let Parked { owner, ask_at, .. } = *self.parked.get_or_insert_with(first);
            if ask_at <= now {
                self.ask(Kind::Ask, owner, work);
            } else {
                work.turn_at(ask_at);
            }
            wanted -= 1;
        }
        for _ in 0..wanted.min(self.batch.saturating_sub(asked)) {
            self.ask(Kind::Try, Owner::random(runtime), work);
        }
    }

    fn send_releases(&mut self, now: Tick, work: &mut Work) {
        for (owner, until) in std::mem::take(&mut self.releases) {
            if self.under_way.contains_key(&owner) {
                self.releases.push_back((owner, until));
            } else if now < until {
                self.ask(Kind::Release, owner, work);
            }
        }
    }

    /// Nobody knows what has become of what is under way.
    pub(super) fn forget_operations(&mut self, terms: &Terms, now: Tick) {
        for (owner, kind) in std::mem::take(&mut self.under_way) {
            if kind != Kind::Probe && !self.loans.contains_key(&owner) {
                self.release(owner, now + terms.ttl);
            }
        }
        self.parked = None;
    }

    fn ask(&mut self, kind: Kind, owner: Owner, work: &mut Work) {
        self.under_way.insert(owner, kind);
        work.requests.push(Operation { kind, owner });
    }

    fn lend(&mut self, owner: Owner, lease: Backing, since: Tick, renew_at: Tick) {
        self.loans.insert(owner, Loan { lease, since, renew_at });
        self.look_at = self.look_at.min(renew_at);
    }

    fn release(&mut self, owner: Owner, until: Tick) {
        self.releases.push_back((owner, until));
    }
}

/// The call that uses it goes on; nobody else will use it, unless the store lends it again.
fn lose(loan: &mut Loan, now: Tick, work: &mut Work) {
    if matches!(loan.lease, Backing::Lease(_)) {
        work.events.push(EventKind::ConcurrencyPermitLost);
    }
    (loan.lease, loan.renew_at) = (Backing::Lost, now);
}

#[cfg(test)]
mod tests {
    use crate::outage::FleetSize;
    use stitchapi_testing::SimRuntime;

    use super::*;
    use crate::outage::OutagePolicy;

    #[test]
    fn a_lease_is_held_for_its_ttl_from_when_it_was_asked_for() {
        let (second, sim) = (Duration::from_secs(1), SimRuntime::new(1));
        let (ttl, timeout, park) = (10 * second, second / 4, second / 8);
        let policy = OutagePolicy::Local;
        let terms = Terms { limit: 1, share: 1, policy, fleet_size: 8, known: FleetSize::Assumed, timeout, ttl, park };
        let (mut lending, mut work) = (Lending::default(), Work::default());
        let operation = Operation { kind: Kind::Ask, owner: Owner::random(&sim) };
        let (sent, came) = (Tick(0), Tick(0) + second);
        let answered = Answered { operation, sent, answer: Ok(Answer::Lease(Lease::Held { fence: 1 })) };
        assert_eq!(lending.take_in(&answered, &terms, came, &sim, &mut work), Some(operation.owner));
        let at = |now| lending.is_held(&operation.owner, now);
        assert_eq!([at(came), at(sent + ttl - Duration::from_micros(1)), at(sent + ttl)], [true, true, false]);
        // One that is not held is passed on to nobody.
        assert!(!lending.give_back(&operation.owner, true, &terms, sent + ttl));
    }
}
