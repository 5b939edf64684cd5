//! Stores that serve those who wait in the wrong order, or not at all.

use std::time::Duration;

use stitchapi_core::lease::LeaseCell;
use stitchapi_core::{Key, Lease, Owner, StoreError, StoreTime, async_trait};

use crate::fault::Fault;
use crate::good::{Ask, Good};

type Lent = Result<Lease, StoreError>;

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(crate) struct KeepsNoQueue;
#[async_trait]
impl Fault for KeepsNoQueue {
    const BREAKS: &'static [&'static str] = &[
        "leases/queue-order",
        "leases/queue-again",
        "leases/queue-passer-by",
        "leases/queue-spare",
        "leases/queue-park",
    ];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        good.acquire(key, Ask { park: Duration::ZERO, ..ask }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ServesTheLatestFirst;
#[async_trait]
impl Fault for ServesTheLatestFirst {
    const BREAKS: &'static [&'static str] = &["leases/queue-order", "leases/queue-again"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        let before = good.lease(key).await.map_or(0, |cell| cell.waiters.len());
        let lent = good.acquire(key, ask).await?;
        let to_the_front = |cell: &mut LeaseCell| {
            if cell.waiters.len() > before {
                cell.waiters.rotate_right(1);
            }
        };
        good.mend_lease(key, to_the_front).await;
        Ok(lent)
    }
}

/// Who asks again stands at the end.
#[derive(Debug, Default)]
pub(crate) struct QueuesAnewEachTime;
#[async_trait]
impl Fault for QueuesAnewEachTime {
    const BREAKS: &'static [&'static str] = &["leases/queue-again"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        let lent = good.acquire(key, ask).await?;
        let to_the_end = |cell: &mut LeaseCell| {
            if let Some(place) = cell.waiters.iter().position(|waiter| waiter.owner == ask.owner) {
                let waiter = cell.waiters.remove(place);
                cell.waiters.push(waiter);
            }
        };
        good.mend_lease(key, to_the_end).await;
        Ok(lent)
    }
}

#[derive(Debug, Default)]
pub(crate) struct LendsNothingWhileSomebodyWaits;
#[async_trait]
impl Fault for LendsNothingWhileSomebodyWaits {
    const BREAKS: &'static [&'static str] = &["leases/queue-spare"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        let now = good.now().await;
        let waiters = good.lease(key).await.map_or(Vec::new(), |cell| cell.waiters);
        let first = waiters.iter().find(|waiter| waiter.deadline > now);
        if first.is_some_and(|first| first.owner != ask.owner) && !good.holds(key, &ask.owner).await {
            return good.acquire(key, Ask { limit: ask.limit.min(1), ..ask }).await;
        }
        good.acquire(key, ask).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTurnsForever;
#[async_trait]
impl Fault for KeepsTurnsForever {
    const BREAKS: &'static [&'static str] = &["leases/queue-park"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        good.acquire(key, Ask { park: if ask.park.is_zero() { ask.park } else { HOUR }, ..ask }).await
    }
}

/// A turn is as long as a poll, whatever the park.
#[derive(Debug, Default)]
pub(crate) struct KeepsTurnsForAMoment;
#[async_trait]
impl Fault for KeepsTurnsForAMoment {
    const BREAKS: &'static [&'static str] = &["leases/queue-park"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        good.acquire(key, Ask { park: ask.park.min(Duration::from_millis(30)), ..ask }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct QueuesWhoDoesNotWait;
#[async_trait]
impl Fault for QueuesWhoDoesNotWait {
    const BREAKS: &'static [&'static str] = &["leases/queue-zero"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        good.acquire(key, Ask { park: ask.park.max(Duration::from_millis(200)), ..ask }).await
    }
}

/// Who asks with a park of zero is not put into the queue, nor taken out of it.
#[derive(Debug, Default)]
pub(crate) struct KeepsTheTurnOfWhoStops;
#[async_trait]
impl Fault for KeepsTheTurnOfWhoStops {
    const BREAKS: &'static [&'static str] = &["leases/queue-zero"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        let waits = good.lease(key).await.is_some_and(|cell| cell.waiters.iter().any(|it| it.owner == ask.owner));
        let park = if ask.park.is_zero() && waits { Duration::from_micros(1) } else { ask.park };
        good.acquire(key, Ask { park, ..ask }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTheTurnOfWhoReleases;
#[async_trait]
impl Fault for KeepsTheTurnOfWhoReleases {
    const BREAKS: &'static [&'static str] = &["leases/queue-release"];
    async fn release(&self, good: &Good, key: &Key, owner: Owner) -> Result<(), StoreError> {
        let waiters = good.lease(key).await.map_or(Vec::new(), |cell| cell.waiters);
        good.leases.release(key, &owner).await?;
        good.mend_lease(key, |cell| cell.waiters = waiters).await;
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct RenewsTurns;
#[async_trait]
impl Fault for RenewsTurns {
    const BREAKS: &'static [&'static str] = &["leases/queue-renew"];
    async fn renew(&self, good: &Good, key: &Key, ttl: Duration, owner: Owner) -> Result<bool, StoreError> {
        let renewed = good.leases.renew(key, ttl, &owner).await?;
        let cell = good.lease(key).await;
        Ok(renewed || cell.is_some_and(|cell| cell.waiters.iter().any(|waiter| waiter.owner == owner)))
    }
}

/// Who wants to wait has no answer before it has a place.
#[derive(Debug, Default)]
pub(crate) struct WaitsForThePlace;
#[async_trait]
impl Fault for WaitsForThePlace {
    const BREAKS: &'static [&'static str] = &[
        "leases/queue-order",
        "leases/queue-again",
        "leases/queue-passer-by",
        "leases/queue-spare",
        "leases/queue-park",
        "leases/queue-zero",
        "leases/queue-release",
        "leases/queue-renew",
        "leases/queue-answer",
    ];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        loop {
            let lent = good.acquire(key, ask).await?;
            if matches!(lent, Lease::Held { .. }) || ask.park.is_zero() {
                return Ok(lent);
            }
            good.sim.sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A release wakes nobody, and who waits is not served by asking.
#[derive(Debug, Default)]
pub(crate) struct ServesNobodyWhoWaits;
#[async_trait]
impl Fault for ServesNobodyWhoWaits {
    const BREAKS: &'static [&'static str] = &["leases/processes", "leases/queue-served"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        let now = good.now().await;
        let waits = |cell: LeaseCell| cell.waiters.iter().any(|it| it.owner == ask.owner && it.deadline > now);
        if !ask.park.is_zero() && good.lease(key).await.is_some_and(waits) {
            let until = now + ask.park;
            let own = |cell: &mut LeaseCell| {
                let own = cell.waiters.iter_mut().filter(|waiter| waiter.owner == ask.owner);
                own.for_each(|waiter| waiter.deadline = until.max(StoreTime(waiter.deadline.0)));
            };
            good.mend_lease(key, own).await;
            return Ok(Lease::Busy { retry_after: ask.park });
        }
        good.acquire(key, ask).await
    }
}
