//! One key with leases, as the clauses use it.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{Key, Lease, Leases, Owner, StoreError, Tick};

use crate::harness::{ClauseResult, Fixture, NotPassed, ensure};

/// Returns `N` different owners.
pub(crate) fn owners<const N: usize>(fixture: &Fixture) -> [Owner; N] {
    std::array::from_fn(|_| Owner::random(fixture.runtime()))
}

/// Returns the fence of a lease that was granted.
pub(crate) fn fence(lease: Lease) -> Option<u64> {
    match lease {
        Lease::Held { fence } => Some(fence),
        Lease::Busy { .. } => None,
    }
}

/// A key with `limit` leases, and two clients that use it.
///
/// Owners acquire through one client, and renew and release through the other: a store may tell owners apart by their
/// name only.
pub(crate) struct LeaseKey {
    pub(crate) first: Arc<dyn Leases>,
    pub(crate) second: Arc<dyn Leases>,
    pub(crate) key: Key,
    limit: u32,
}

impl LeaseKey {
    pub(crate) fn new(fixture: &Fixture, name: &str, limit: u32) -> Result<Self, NotPassed> {
        let (first, second) = (fixture.first.leases()?, fixture.second.leases()?);
        Ok(Self { first, second, key: fixture.key(name), limit })
    }

    /// Tries to acquire a lease for `ttl` without queueing, and returns its fence if it was granted.
    pub(crate) async fn try_acquire_for(&self, ttl: Duration, owner: &Owner) -> Result<Option<u64>, StoreError> {
        self.first.acquire(&self.key, self.limit, ttl, owner, Duration::ZERO).await.map(fence)
    }

    /// Tries to acquire a lease for an hour without queueing, and returns its fence if it was granted.
    pub(crate) async fn try_acquire(&self, owner: &Owner) -> Result<Option<u64>, StoreError> {
        self.try_acquire_for(Fixture::HOUR, owner).await
    }

    /// Acquires a lease that must be granted, and returns its fence.
    pub(crate) async fn expect_granted(&self, owner: &Owner, when: &str) -> Result<u64, NotPassed> {
        let fence = self.try_acquire(owner).await?;
        fence.ok_or_else(|| NotPassed::Violated(format!("acquire {when} did not grant a lease")))
    }

    /// Tries to acquire a lease through the other client, which must not be granted.
    pub(crate) async fn expect_busy(&self, owner: &Owner, when: &str) -> ClauseResult {
        let lease = self.second.acquire(&self.key, self.limit, Fixture::HOUR, owner, Duration::ZERO).await?;
        ensure!(fence(lease).is_none(), "acquire {when} granted a lease");
        Ok(())
    }

    /// Queues for a lease with a queue ttl of `queue_ttl` times the time scale. The lease must not be granted.
    pub(crate) async fn enqueue(
        &self,
        fixture: &Fixture,
        owner: &Owner,
        queue_ttl: Duration,
    ) -> Result<Waiter, NotPassed> {
        let queue_ttl = fixture.options.scaled(queue_ttl);
        let lease = self.second.acquire(&self.key, self.limit, Fixture::HOUR, owner, queue_ttl).await?;
        ensure!(fence(lease).is_none(), "acquire granted a lease that another owner holds or waits for longer");
        Ok(Waiter { until: fixture.runtime().now() + queue_ttl - fixture.options.scaled(Duration::from_millis(20)) })
    }

    pub(crate) async fn renew(&self, owner: &Owner) -> Result<bool, StoreError> {
        self.second.renew(&self.key, Fixture::HOUR, owner).await
    }

    pub(crate) async fn release(&self, owner: &Owner) -> Result<(), StoreError> {
        self.second.release(&self.key, owner).await
    }
}

/// An owner in the queue.
#[must_use = "observations count only while the owner is in the queue"]
pub(crate) struct Waiter {
    /// Until when the owner is in the queue for certain.
    until: Tick,
}

impl Waiter {
    /// Skips the clause unless the owner is still in the queue for certain.
    pub(crate) fn require_queued(&self, fixture: &Fixture) -> ClauseResult {
        if fixture.runtime().now() < self.until { Ok(()) } else { Err(NotPassed::too_slow()) }
    }
}
