//! The concurrency permits that this process uses, and the leases of the store behind them.
//!
//! [`LeasePool`] issues permits, takes them back, and plans the requests to the store: acquire, renew, release. The
//! lease of each permit belongs to an [`Owner`], a random identifier. During an outage of the store permits have no
//! leases. The pool is pure: callers pass the time, and `limit.rs` sends the requests. In this folder `permit` means
//! concurrency permit.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{Lease, Owner, StoreError, Tick};

use super::lease_request::{LeaseReply, LeaseRequest, LeaseResponse, RequestKind};
use super::settings::{ConcurrencySettings, Inputs};
use crate::store::{OutageTracker, PROBE_INTERVAL, PollInterval};
use crate::throttle::agent::Effects;
use crate::trace::EventKind;

/// Longest time for which one permit passes between callers of this process. After that its lease is released, because
/// callers of other processes may have waited longer. A longer time saves round trips (a permit in constant use costs
/// two of them per `MAX_REUSE`), but callers of other processes wait longer: up to this time plus one call.
const MAX_REUSE: Duration = Duration::from_millis(500);
/// Upper bound of [`LeasePool::batch`].
const MAX_BATCH: usize = 16;
/// A time that is never reached.
const NEVER: Tick = Tick(u64::MAX);

/// The permits that this process uses, if the limit is shared over a store, and the requests for their leases.
#[derive(Debug)]
pub(super) struct LeasePool {
    /// Permits in use, by the owners of their leases.
    permits: HashMap<Owner, PermitInUse>,
    /// Requests in flight, by owner.
    in_flight: HashMap<Owner, RequestKind>,
    /// The request that has a position in the store's queue, if there is one. All callers of this process share it.
    queued: Option<QueuedRequest>,
    /// Owners whose lease or queue position is to be released, each with the time at which that expires without a
    /// release. A release that fails is listed again, with a new time.
    releases: VecDeque<(Owner, Tick)>,
    /// Number of leases to request at the same time, besides the one for which this process waits in the store's queue. It
    /// doubles with each lease that is granted, and is 0 after the store has replied that no lease is free.
    batch: usize,
    /// Sending time of the newest request to which the store replied that no lease is free.
    busy_as_of: Tick,
    /// The outage of the store; `None` while the store responds.
    outage: Option<OutageTracker>,
    /// Time before which no lease has to be renewed, and none expires.
    next_renewal: Tick,
}

/// Permit that a call of this process uses.
#[derive(Debug)]
struct PermitInUse {
    backing: Backing,
    issued_at: Tick,
    /// When to renew the lease, or to acquire a lease for a permit that has none.
    renew_at: Tick,
}

/// Lease behind a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backing {
    /// A lease that is valid until this time.
    Lease(Tick),
    /// A lease that has expired, or that the store no longer has.
    Lost,
    /// No lease, because the permit was issued during an outage.
    Outage,
}

/// The request that has a position in the store's queue. This process keeps the position by repeating the request.
#[derive(Debug)]
struct QueuedRequest {
    owner: Owner,
    next_request: Tick,
    interval: PollInterval,
}

impl Default for LeasePool {
    fn default() -> Self {
        Self {
            permits: HashMap::new(),
            in_flight: HashMap::new(),
            queued: None,
            releases: VecDeque::new(),
            batch: 0,
            busy_as_of: Tick(0),
            outage: None,
            next_renewal: NEVER,
        }
    }
}

impl LeasePool {
    /// Returns the number of permits in use.
    pub(super) fn in_use(&self) -> usize {
        self.permits.len()
    }

    /// Returns the number of permits that this process may use: the limit, or during an outage the share of this
    /// process.
    fn max_in_use(&self, settings: &ConcurrencySettings) -> usize {
        if self.outage.is_some() { settings.outage_share as usize } else { settings.limit as usize }
    }

    /// Returns `true` if the agent (the task that sends the requests) has nothing to do: no permit is in use, no request is
    /// in flight, and no lease is to be released. Releases do not count while the store is unavailable.
    pub(super) fn is_idle(&self) -> bool {
        self.permits.is_empty() && self.in_flight.is_empty() && (self.is_unavailable() || self.releases.is_empty())
    }

    fn is_unavailable(&self) -> bool {
        self.outage.as_ref().is_some_and(OutageTracker::is_unavailable)
    }

    /// Returns the last failure of the store if the store is unavailable and the failure is recent: then the outage
    /// policy decides on permits. After an older failure the store is probed first.
    pub(super) fn recent_outage_error(&self, inputs: Inputs<'_>) -> Option<&Arc<StoreError>> {
        let outage = self.outage.as_ref().filter(|outage| outage.is_fresh(inputs.settings.timeout, inputs.now));
        outage.map(OutageTracker::error)
    }

    /// Returns `true` if the permit is valid: its lease has not expired, or it was issued during an outage.
    pub(super) fn is_valid(&self, owner: &Owner, now: Tick) -> bool {
        self.permits.get(owner).is_some_and(|permit| match permit.backing {
            Backing::Lease(until) => now < until,
            Backing::Lost => false,
            Backing::Outage => true,
        })
    }

    /// Returns `true` while a lease may be free for a caller that arrived at `arrived`: this process uses fewer permits
    /// than it may, and the store has not yet replied "busy" to a request that was sent after `arrived`.
    pub(super) fn may_be_free(&self, arrived: Tick, settings: &ConcurrencySettings) -> bool {
        !self.is_unavailable() && self.busy_as_of < arrived && self.permits.len() < self.max_in_use(settings)
    }

    /// Issues a permit without a lease, if this process' share of the permits during an outage is not used up.
    pub(super) fn issue_from_share(&mut self, inputs: Inputs<'_>) -> Option<Owner> {
        (self.permits.len() < inputs.settings.outage_share as usize).then(|| self.issue_without_lease(inputs))
    }

    /// Issues a permit without a lease.
    pub(super) fn issue_without_lease(&mut self, inputs: Inputs<'_>) -> Owner {
        let owner = Owner::random(inputs.runtime);
        self.issue(owner, Backing::Outage, inputs.now, inputs.now);
        owner
    }

    fn issue(&mut self, owner: Owner, backing: Backing, issued_at: Tick, renew_at: Tick) {
        self.permits.insert(owner, PermitInUse { backing, issued_at, renew_at });
        self.next_renewal = self.next_renewal.min(renew_at);
    }

    /// Ends the use of a permit by one call. Returns `true` if the permit stays in the pool for the next waiter of this
    /// process. Otherwise the permit is removed, and its lease is released.
    pub(super) fn give_back(&mut self, owner: &Owner, has_waiters: bool, inputs: Inputs<'_>) -> bool {
        let Inputs { settings, now, .. } = inputs;
        let Some(permit) = self.permits.get(owner) else { return false };
        let is_reusable =
            matches!(permit.backing, Backing::Lease(until) if now < until) && now.since(permit.issued_at) < MAX_REUSE;
        if has_waiters && is_reusable && !self.is_unavailable() && self.permits.len() <= self.max_in_use(settings) {
            return true;
        }
        if permit.backing != Backing::Outage || self.in_flight.contains_key(owner) {
            self.release(*owner, now + settings.lease_ttl);
        }
        self.permits.remove(owner);
        false
    }

    /// Applies the outcome of a request. If the request has acquired a lease for a new permit, returns its owner: the
    /// next waiter gets the permit.
    pub(super) fn apply(
        &mut self,
        response: &LeaseResponse,
        inputs: Inputs<'_>,
        effects: &mut Effects<LeaseRequest>,
    ) -> Option<Owner> {
        let Inputs { settings, now, runtime } = inputs;
        let LeaseRequest { kind, owner } = response.request;
        self.in_flight.remove(&owner);
        if let (RequestKind::Probe, Some(outage)) = (kind, &mut self.outage) {
            outage.end_probe(now);
        }
        if matches!(response.result, Ok(LeaseReply::Acquire(Lease::Busy { .. }))) {
            self.busy_as_of = self.busy_as_of.max(response.sent);
        }
        let valid_until = response.sent + settings.lease_ttl;
        let reply = match &response.result {
            Ok(reply) => *reply,
            Err(error) => {
                self.apply_failure(response.request, valid_until, error, inputs, effects);
                return None;
            }
        };
        match (kind, reply) {
            (RequestKind::Acquire | RequestKind::TryAcquire, LeaseReply::Acquire(Lease::Held { .. })) => {
                self.batch = (self.batch * 2).clamp(1, MAX_BATCH);
                if kind == RequestKind::Acquire {
                    self.queued = None;
                }
                self.issue(owner, Backing::Lease(valid_until), now, response.sent + settings.lease_ttl / 3);
                return Some(owner);
            }
            (_, LeaseReply::Acquire(Lease::Held { .. })) | (RequestKind::Renew, LeaseReply::Renew(true)) => {
                match self.permits.get_mut(&owner) {
                    Some(permit) => {
                        permit.backing = Backing::Lease(valid_until);
                        permit.renew_at = response.sent + settings.lease_ttl / 3;
                        self.next_renewal = self.next_renewal.min(permit.renew_at);
                    }
                    None => self.release(owner, valid_until),
                }
            }
            (RequestKind::Acquire, LeaseReply::Acquire(Lease::Busy { retry_after })) => {
                self.batch = 0;
                if let Some(queued) = self.queued.as_mut().filter(|queued| queued.owner == owner) {
                    // The next request is sent by the time at which a lease may be free (`retry_after`), and early
                    // enough to keep the position in the queue.
                    let bound = retry_after.max(queued.interval.min()).min(settings.queue_ttl / 3);
                    queued.next_request = now + queued.interval.next_pause(runtime.random()).min(bound);
                }
            }
            (RequestKind::TryAcquire, _) => self.batch = 0,
            (RequestKind::Renew, LeaseReply::Renew(false)) => {
                if let Some(permit) = self.permits.get_mut(&owner) {
                    mark_lost(permit, now, effects);
                    self.next_renewal = now;
                }
            }
            // Requests the released lease at once: the store grants it to this process if no other process waits
            // longer.
            (RequestKind::Release, _) => {
                if let Some(queued) = &mut self.queued {
                    (queued.next_request, queued.interval) = (now, settings.poll_interval());
                }
            }
            (RequestKind::Probe, _) => {
                if let Some(outage) = self.outage.as_mut().filter(|outage| outage.is_unavailable()) {
                    outage.return_until(now + settings.return_length());
                }
                self.permits.values_mut().for_each(|permit| permit.renew_at = now);
                self.next_renewal = now;
            }
            (RequestKind::Acquire | RequestKind::Reacquire | RequestKind::Renew, _) => {}
        }
        None
    }

    fn apply_failure(
        &mut self,
        request: LeaseRequest,
        valid_until: Tick,
        error: &Arc<StoreError>,
        inputs: Inputs<'_>,
        effects: &mut Effects<LeaseRequest>,
    ) {
        let LeaseRequest { kind, owner } = request;
        // The request may have taken effect, so a lease that no permit uses is released.
        let is_unused = matches!(kind, RequestKind::Acquire | RequestKind::TryAcquire | RequestKind::Release)
            || !self.permits.contains_key(&owner);
        if is_unused && kind != RequestKind::Probe {
            self.release(owner, valid_until);
        }
        if self.queued.as_ref().is_some_and(|queued| queued.owner == owner) {
            self.queued = None;
        }
        match &mut self.outage {
            Some(outage) => outage.record_failure(inputs.now, error.clone()),
            None => {
                self.outage = Some(OutageTracker::new(inputs.now, error.clone()));
                let ConcurrencySettings { outage_policy, fleet_size, fleet_size_source, .. } = *inputs.settings;
                effects.events.push(EventKind::OutageBegan { policy: outage_policy, fleet_size, fleet_size_source });
            }
        }
    }

    /// Plans the requests of this step and the time of the next step. `waiting` is the number of waiters of this
    /// process.
    pub(super) fn plan(&mut self, waiting: usize, inputs: Inputs<'_>, effects: &mut Effects<LeaseRequest>) {
        let now = inputs.now;
        if let Some((outage, until)) = self.outage.as_ref().and_then(|outage| Some((outage, outage.return_ends_at()?)))
        {
            if outage.is_over(now) {
                effects.events.push(EventKind::OutageEnded { lasted: until.since(outage.began()) });
                self.outage = None;
            } else {
                effects.step_at(until);
            }
        }
        let is_needed = waiting > 0 || !self.permits.is_empty();
        if let Some(outage) = self.outage.as_mut().filter(|outage| outage.is_unavailable()) {
            match outage.next_probe_at(PROBE_INTERVAL).filter(|_| is_needed) {
                Some(probe_at) if probe_at <= now => {
                    outage.begin_probe();
                    self.request(RequestKind::Probe, Owner::random(inputs.runtime), effects);
                }
                Some(probe_at) => effects.step_at(probe_at),
                None => {}
            }
            return;
        }
        self.plan_renewals(inputs, effects);
        self.plan_acquires(waiting, inputs, effects);
        self.plan_releases(now, effects);
    }

    fn plan_renewals(&mut self, inputs: Inputs<'_>, effects: &mut Effects<LeaseRequest>) {
        let Inputs { settings, now, .. } = inputs;
        if now >= self.next_renewal {
            self.next_renewal = NEVER;
            let mut due = Vec::new();
            for (owner, permit) in &mut self.permits {
                if matches!(permit.backing, Backing::Lease(until) if until <= now) {
                    mark_lost(permit, now, effects);
                }
                if permit.renew_at <= now && !self.in_flight.contains_key(owner) {
                    permit.renew_at = now + settings.lease_ttl / 3;
                    let is_leased = matches!(permit.backing, Backing::Lease(_));
                    due.push((if is_leased { RequestKind::Renew } else { RequestKind::Reacquire }, *owner));
                }
                let expires_at = if let Backing::Lease(until) = permit.backing { until } else { NEVER };
                let renew_at = permit.renew_at.max(now + settings.poll_interval().min());
                self.next_renewal = self.next_renewal.min(expires_at).min(renew_at);
            }
            due.into_iter().for_each(|(kind, owner)| self.request(kind, owner, effects));
        }
        if !self.permits.is_empty() {
            effects.step_at(self.next_renewal);
        }
    }

    /// Requests leases for the waiters: one that may wait in the store's queue, for all of them, and further ones while
    /// the store grants them at once.
    fn plan_acquires(&mut self, waiting: usize, inputs: Inputs<'_>, effects: &mut Effects<LeaseRequest>) {
        let Inputs { settings, now, runtime } = inputs;
        let is_acquire = |kind: &&RequestKind| matches!(kind, RequestKind::Acquire | RequestKind::TryAcquire);
        let requested = self.in_flight.values().filter(is_acquire).count();
        let room = self.max_in_use(settings).saturating_sub(self.permits.len() + requested);
        let mut wanted = waiting.saturating_sub(requested).min(room);
        if wanted == 0 {
            if requested == 0
                && let Some(queued) = self.queued.take()
            {
                self.release(queued.owner, now + settings.queue_ttl);
            }
            return;
        }
        let is_requesting = self.queued.as_ref().is_some_and(|queued| self.in_flight.contains_key(&queued.owner));
        if !is_requesting {
            let first = || QueuedRequest {
                owner: Owner::random(runtime),
                next_request: now,
                interval: settings.poll_interval(),
            };
            let QueuedRequest { owner, next_request, .. } = *self.queued.get_or_insert_with(first);
            if next_request <= now {
                self.request(RequestKind::Acquire, owner, effects);
            } else {
                effects.step_at(next_request);
            }
            wanted -= 1;
        }
        for _ in 0..wanted.min(self.batch.saturating_sub(requested)) {
            self.request(RequestKind::TryAcquire, Owner::random(runtime), effects);
        }
    }

    fn plan_releases(&mut self, now: Tick, effects: &mut Effects<LeaseRequest>) {
        for (owner, expires_at) in std::mem::take(&mut self.releases) {
            if self.in_flight.contains_key(&owner) {
                self.releases.push_back((owner, expires_at));
            } else if now < expires_at {
                self.request(RequestKind::Release, owner, effects);
            }
        }
    }

    /// Forgets the requests in flight, whose outcome will never be known, and releases what they may have acquired.
    pub(super) fn forget_requests(&mut self, settings: &ConcurrencySettings, now: Tick) {
        for (owner, kind) in std::mem::take(&mut self.in_flight) {
            if kind == RequestKind::Probe {
                self.outage.iter_mut().for_each(|outage| outage.end_probe(now));
            } else if !self.permits.contains_key(&owner) {
                self.release(owner, now + settings.lease_ttl);
            }
        }
        self.queued = None;
    }

    fn request(&mut self, kind: RequestKind, owner: Owner, effects: &mut Effects<LeaseRequest>) {
        self.in_flight.insert(owner, kind);
        effects.requests.push(LeaseRequest { kind, owner });
    }

    fn release(&mut self, owner: Owner, expires_at: Tick) {
        self.releases.push_back((owner, expires_at));
    }
}

/// Marks the lease of a permit as lost. The call that uses the permit continues. No later call uses the permit, unless
/// the store grants the lease again.
fn mark_lost(permit: &mut PermitInUse, now: Tick, effects: &mut Effects<LeaseRequest>) {
    if matches!(permit.backing, Backing::Lease(_)) {
        effects.events.push(EventKind::ConcurrencyPermitLost);
    }
    (permit.backing, permit.renew_at) = (Backing::Lost, now);
}

#[cfg(test)]
mod tests {
    use stitchapi_testing::SimRuntime;

    use super::*;
    use crate::outage::{FleetSize, OutagePolicy};

    #[test]
    fn a_permit_is_valid_for_the_lifetime_of_its_lease_from_the_sending_of_the_request() {
        let (second, sim) = (Duration::from_secs(1), SimRuntime::new(1));
        let lease_ttl = 10 * second;
        let settings = ConcurrencySettings {
            limit: 1,
            outage_share: 1,
            outage_policy: OutagePolicy::Local,
            fleet_size: 8,
            fleet_size_source: FleetSize::Assumed,
            timeout: second / 4,
            lease_ttl,
            queue_ttl: second / 8,
        };
        let inputs = |now| Inputs { settings: &settings, now, runtime: &sim };
        let (mut pool, mut effects) = (LeasePool::default(), Effects::default());
        let request = LeaseRequest { kind: RequestKind::Acquire, owner: Owner::random(&sim) };
        let (sent, received) = (Tick(0), Tick(0) + second);
        let response = LeaseResponse { request, sent, result: Ok(LeaseReply::Acquire(Lease::Held { fence: 1 })) };
        assert_eq!(pool.apply(&response, inputs(received), &mut effects), Some(request.owner));
        let is_valid = |now| pool.is_valid(&request.owner, now);
        let expires_at = sent + lease_ttl;
        assert_eq!([received, Tick(expires_at.0 - 1), expires_at].map(is_valid), [true, true, false]);
        // A permit whose lease has expired is not reused, although a caller waits.
        assert!(!pool.give_back(&request.owner, true, inputs(expires_at)));
    }
}
