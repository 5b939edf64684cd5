//! State of a concurrency limit in this process: its waiters and its permits. Pure; `limit.rs` locks it.

use std::sync::Arc;

use stitchapi_core::{Owner, StoreError, Tick};

use super::lease_pool::LeasePool;
use super::lease_request::{LeaseRequest, LeaseResponse};
use super::settings::{ConcurrencySettings, Inputs};
use crate::outage::OutagePolicy;
use crate::throttle::agent::{AgentWaker, Effects};
use crate::throttle::fair_queue::FairQueue;

/// Outcome of a wait.
#[derive(Debug)]
pub(super) enum Decision {
    /// The waiter has a permit. The value is the owner of the permit's lease; `None` without a store.
    Permit(Option<Owner>),
    /// The store failed, and the outage policy is [`OutagePolicy::Closed`].
    Failed(Arc<StoreError>),
}

/// State of a concurrency limit.
#[derive(Debug)]
pub(super) struct ConcurrencyState {
    pub(super) queue: FairQueue<Decision>,
    permits: Permits,
    pub(super) agent: AgentWaker,
}

/// Permits that this process uses.
#[derive(Debug)]
enum Permits {
    /// Number of permits in use, if there is no store.
    InProcess(u32),
    /// Permits and their leases, if the limit is shared over a store.
    Leased(Box<LeasePool>),
}

impl ConcurrencyState {
    pub(super) fn new(has_store: bool) -> Self {
        let permits = if has_store { Permits::Leased(Box::default()) } else { Permits::InProcess(0) };
        Self { queue: FairQueue::new(), permits, agent: AgentWaker::default() }
    }

    /// Returns the number of permits in use.
    pub(super) fn in_use(&self) -> usize {
        match &self.permits {
            Permits::InProcess(in_use) => *in_use as usize,
            Permits::Leased(pool) => pool.in_use(),
        }
    }

    /// Acquires a permit and returns `true`, if there is no store, no caller waits, and a permit is free.
    pub(super) fn acquire_at_once(&mut self, settings: &ConcurrencySettings) -> bool {
        let Permits::InProcess(in_use) = &mut self.permits else { return false };
        let is_free = self.queue.waiting() == 0 && *in_use < settings.limit;
        *in_use += u32::from(is_free);
        is_free
    }

    /// Returns `true` if the permit is valid: there is no store, its lease has not expired, or it was issued in an
    /// outage.
    pub(super) fn is_valid(&self, owner: Option<&Owner>, now: Tick) -> bool {
        match (&self.permits, owner) {
            (Permits::Leased(pool), Some(owner)) => pool.is_valid(owner, now),
            _ => true,
        }
    }

    /// Ends the use of a permit: it passes to the next waiter, or its lease is released.
    pub(super) fn give_back(&mut self, owner: Option<Owner>, inputs: Inputs<'_>, effects: &mut Effects<LeaseRequest>) {
        let has_waiters = self.queue.waiting() > 0;
        match (&mut self.permits, owner) {
            (Permits::InProcess(in_use), _) => *in_use = in_use.saturating_sub(1),
            (Permits::Leased(pool), Some(owner)) => {
                if pool.give_back(&owner, has_waiters, inputs) {
                    self.decide_next(Decision::Permit(Some(owner)), effects);
                }
            }
            (Permits::Leased(_), None) => {}
        }
        self.serve(inputs, effects);
    }

    /// Serves the waiters that need no response of the store, and plans the requests for the others.
    pub(super) fn step(&mut self, inputs: Inputs<'_>) -> Effects<LeaseRequest> {
        let mut effects = Effects::default();
        self.agent.begin_step();
        self.serve(inputs, &mut effects);
        let waiting = self.queue.waiting();
        if let Permits::Leased(pool) = &mut self.permits {
            pool.plan(waiting, inputs, &mut effects);
        }
        effects
    }

    /// Applies the outcome of a request.
    pub(super) fn apply(&mut self, response: &LeaseResponse, inputs: Inputs<'_>) -> Effects<LeaseRequest> {
        let mut effects = Effects::default();
        let Permits::Leased(pool) = &mut self.permits else { return effects };
        if let Some(owner) = pool.apply(response, inputs, &mut effects) {
            // The lease is given back if it has expired since the store granted it, or if no caller waits for it.
            let is_valid = pool.is_valid(&owner, inputs.now);
            if !(is_valid && self.decide_next(Decision::Permit(Some(owner)), &mut effects)) {
                self.give_back(Some(owner), inputs, &mut effects);
            }
        }
        self.serve(inputs, &mut effects);
        effects
    }

    /// Decides on waiters without a lease, while that is possible: without a store by the free permits, and during an
    /// outage by the outage policy.
    fn serve(&mut self, inputs: Inputs<'_>, effects: &mut Effects<LeaseRequest>) {
        while self.queue.waiting() > 0 {
            let decision = match &mut self.permits {
                Permits::InProcess(in_use) if *in_use < inputs.settings.limit => {
                    *in_use += 1;
                    Decision::Permit(None)
                }
                Permits::InProcess(_) => return,
                Permits::Leased(pool) => {
                    let Some(error) = pool.recent_outage_error(inputs).cloned() else { return };
                    let owner = match inputs.settings.outage_policy {
                        OutagePolicy::Local => pool.issue_from_share(inputs),
                        OutagePolicy::Open => Some(pool.issue_without_lease(inputs)),
                        OutagePolicy::Closed => {
                            effects.wakers.extend(self.queue.decide_all(|| Decision::Failed(error.clone())));
                            return;
                        }
                    };
                    let Some(owner) = owner else { return };
                    Decision::Permit(Some(owner))
                }
            };
            self.decide_next(decision, effects);
        }
    }

    /// Gives the next waiter its decision. Returns `false` if no caller waits.
    fn decide_next(&mut self, decision: Decision, effects: &mut Effects<LeaseRequest>) -> bool {
        let Some(waiter) = self.queue.next(|_| true).map(|(waiter, _)| waiter) else { return false };
        effects.wakers.extend(self.queue.decide(waiter, decision));
        true
    }

    /// Returns `true` while a permit may be free for a caller that arrived at `arrived`: see
    /// [`LeasePool::may_be_free`].
    pub(super) fn may_be_free(&self, arrived: Tick, settings: &ConcurrencySettings) -> bool {
        matches!(&self.permits, Permits::Leased(pool) if pool.may_be_free(arrived, settings))
    }

    /// Returns `true` if the agent has no work.
    pub(super) fn is_done(&self) -> bool {
        let Permits::Leased(pool) = &self.permits else { return true };
        self.queue.waiting() == 0 && pool.is_idle()
    }

    /// Returns `true` if this state can be discarded and created again later: no caller waits, and no permit is in use.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.in_use() == 0 && !self.agent.is_running()
    }

    /// Marks the agent as stopped. Forgets its requests in flight, and lists the leases that they may have acquired for
    /// release by the next agent.
    pub(super) fn stop_agent(&mut self, settings: &ConcurrencySettings, now: Tick) {
        self.agent.stop();
        if let Permits::Leased(pool) = &mut self.permits {
            pool.forget_requests(settings, now);
        }
    }
}
