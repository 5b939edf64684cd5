//! Who uses a place and who waits for one, in this process: no I/O, no waiting.

use std::sync::Arc;

use stitchapi_core::{Owner, Runtime, StoreError, Tick};

use super::lending::Lending;
use super::operation::{Answered, Operation};
use super::terms::Terms;
use crate::outage::OutagePolicy;
use crate::throttle::agent::{AgentWaker, Effects};
use crate::throttle::queue::FairQueue;

/// What one who waited is told.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It has a place: this one of the store, or one of this process alone.
    Place(Option<Owner>),
    /// The store is away.
    Failed(Arc<StoreError>),
}

/// The places of a bucket at a moment.
#[derive(Debug)]
pub(super) struct Register {
    pub(super) queue: FairQueue<Verdict>,
    source: Source,
    /// The task that talks to the store.
    pub(super) agent: AgentWaker,
}

/// Where places come from.
#[derive(Debug)]
enum Source {
    /// This process alone, which uses so many.
    Here(u32),
    /// A store.
    Store(Box<Lending>),
}

/// What to do after a change of the register.
pub(super) type Work = Effects<Operation>;

impl Register {
    pub(super) fn new(in_store: bool) -> Self {
        let source = if in_store { Source::Store(Box::default()) } else { Source::Here(0) };
        Self { queue: FairQueue::new(), source, agent: AgentWaker::default() }
    }

    /// How many places are in use here.
    pub(super) fn used(&self) -> usize {
        match &self.source {
            Source::Here(used) => *used as usize,
            Source::Store(lending) => lending.used(),
        }
    }

    /// Takes a place at once, if there is no store, nobody waits and one is free.
    pub(super) fn take_at_once(&mut self, terms: &Terms) -> bool {
        let Source::Here(used) = &mut self.source else { return false };
        let is_free = self.queue.waiting() == 0 && *used < terms.limit;
        *used += u32::from(is_free);
        is_free
    }

    /// Whether the place is held for certain.
    pub(super) fn is_held(&self, owner: Option<&Owner>, now: Tick) -> bool {
        match (&self.source, owner) {
            (Source::Store(lending), Some(owner)) => lending.is_held(owner, now),
            _ => true,
        }
    }

    /// Ends the use of a place: the next one who waits has it, or the store gets it back.
    pub(super) fn give_back(
        &mut self,
        owner: Option<Owner>,
        terms: &Terms,
        now: Tick,
        runtime: &dyn Runtime,
        work: &mut Work,
    ) {
        let somebody_waits = self.queue.waiting() > 0;
        match (&mut self.source, owner) {
            (Source::Here(used), _) => *used = used.saturating_sub(1),
            (Source::Store(lending), Some(owner)) => {
                if lending.give_back(&owner, somebody_waits, terms, now) {
                    self.settle_next(Verdict::Place(Some(owner)), work);
                }
            }
            (Source::Store(_), None) => {}
        }
        self.serve(terms, now, runtime, work);
    }

    /// Serves whom it can, and says what to ask the store.
    pub(super) fn turn(&mut self, terms: &Terms, now: Tick, runtime: &dyn Runtime) -> Work {
        let mut work = Work::default();
        self.agent.begin_turn();
        self.serve(terms, now, runtime, &mut work);
        let waiting = self.queue.waiting();
        if let Source::Store(lending) = &mut self.source {
            lending.plan(waiting, terms, now, runtime, &mut work);
        }
        work
    }

    /// Takes in what the store has said.
    pub(super) fn take_in(&mut self, answered: &Answered, terms: &Terms, now: Tick, runtime: &dyn Runtime) -> Work {
        let mut work = Work::default();
        let Source::Store(lending) = &mut self.source else { return work };
        if let Some(owner) = lending.take_in(answered, terms, now, runtime, &mut work)
            // One that came too late is as good as none, and so is one that nobody waits for.
            && !(lending.is_held(&owner, now) && self.settle_next(Verdict::Place(Some(owner)), &mut work))
        {
            self.give_back(Some(owner), terms, now, runtime, &mut work);
        }
        self.serve(terms, now, runtime, &mut work);
        work
    }

    /// Gives places that need no store to those who are next.
    fn serve(&mut self, terms: &Terms, now: Tick, runtime: &dyn Runtime, work: &mut Work) {
        while self.queue.waiting() > 0 {
            let verdict = match &mut self.source {
                Source::Here(used) if *used < terms.limit => {
                    *used += 1;
                    Verdict::Place(None)
                }
                Source::Here(_) => return,
                Source::Store(lending) => {
                    let Some(away) = lending.away.as_ref().filter(|away| away.is_fresh(terms, now)) else { return };
                    let owner = match terms.policy {
                        OutagePolicy::Local => lending.draw(terms, now, runtime),
                        OutagePolicy::Open => Some(lending.draw_freely(now, runtime)),
                        OutagePolicy::Closed => {
                            let error = away.error.clone();
                            work.wakers.extend(self.queue.decide_all(|| Verdict::Failed(error.clone())));
                            return;
                        }
                    };
                    let Some(owner) = owner else { return };
                    Verdict::Place(Some(owner))
                }
            };
            self.settle_next(verdict, work);
        }
    }

    /// Gives `verdict` to whoever is next, if anybody waits.
    fn settle_next(&mut self, verdict: Verdict, work: &mut Work) -> bool {
        let Some(ticket) = self.queue.next(|_| true).map(|(ticket, _)| ticket) else { return false };
        work.wakers.extend(self.queue.decide(ticket, verdict));
        true
    }

    /// Whether a place may come at once for somebody who waits since `asked`: the store has not been heard yet.
    pub(super) fn is_open(&self, asked: Tick, terms: &Terms) -> bool {
        matches!(&self.source, Source::Store(lending) if lending.is_open(asked, terms))
    }

    /// Whether the agent has nothing to do.
    pub(super) fn is_done(&self) -> bool {
        let Source::Store(lending) = &self.source else { return true };
        self.queue.waiting() == 0 && lending.is_idle()
    }

    /// Whether forgetting it changes nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.used() == 0 && !self.agent.is_running()
    }

    /// The agent has stopped, and what it was about.
    pub(super) fn is_left(&mut self, terms: &Terms, now: Tick) {
        self.agent.stop();
        if let Source::Store(lending) = &mut self.source {
            lending.forget_operations(terms, now);
        }
    }
}
