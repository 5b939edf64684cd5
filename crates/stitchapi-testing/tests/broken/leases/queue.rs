//! Stores that grant leases to waiters in the wrong order, or not at all.

use std::time::Duration;

use stitchapi_core::lease::LeaseCell;
use stitchapi_core::{Key, Lease, Owner, StoreError, StoreTime, async_trait};

use crate::harness::{AcquireArgs, Defect, SoundClient};

type Acquired = Result<Lease, StoreError>;

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(crate) struct HasNoQueue;
#[async_trait]
impl Defect for HasNoQueue {
    const BREAKS: &'static [&'static str] = &[
        "leases/queue-order",
        "leases/queue-keeps-turn",
        "leases/queue-no-overtaking",
        "leases/queue-free-leases",
        "leases/queue-ttl",
    ];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        sound.acquire(key, AcquireArgs { queue_ttl: Duration::ZERO, ..args }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct GrantsToTheLatestWaiter;
#[async_trait]
impl Defect for GrantsToTheLatestWaiter {
    const BREAKS: &'static [&'static str] = &["leases/queue-order", "leases/queue-keeps-turn"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        let before = sound.leases_of(key).await.map_or(0, |cell| cell.waiters.len());
        let lease = sound.acquire(key, args).await?;
        let to_the_front = |cell: &mut LeaseCell| {
            if cell.waiters.len() > before {
                cell.waiters.rotate_right(1);
            }
        };
        sound.change_leases(key, to_the_front).await;
        Ok(lease)
    }
}

/// A waiter that queues again moves to the end.
#[derive(Debug, Default)]
pub(crate) struct MovesAWaiterToTheEnd;
#[async_trait]
impl Defect for MovesAWaiterToTheEnd {
    const BREAKS: &'static [&'static str] = &["leases/queue-keeps-turn"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        let lease = sound.acquire(key, args).await?;
        let to_the_end = |cell: &mut LeaseCell| {
            if let Some(index) = cell.waiters.iter().position(|waiter| waiter.owner == args.owner) {
                let waiter = cell.waiters.remove(index);
                cell.waiters.push(waiter);
            }
        };
        sound.change_leases(key, to_the_end).await;
        Ok(lease)
    }
}

#[derive(Debug, Default)]
pub(crate) struct GrantsNothingWhileAnOwnerWaits;
#[async_trait]
impl Defect for GrantsNothingWhileAnOwnerWaits {
    const BREAKS: &'static [&'static str] = &["leases/queue-free-leases"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        let now = sound.now().await;
        let waiters = sound.leases_of(key).await.map_or(Vec::new(), |cell| cell.waiters);
        let first = waiters.iter().find(|waiter| waiter.deadline > now);
        if first.is_some_and(|first| first.owner != args.owner) && !sound.holds(key, &args.owner).await {
            return sound.acquire(key, AcquireArgs { limit: args.limit.min(1), ..args }).await;
        }
        sound.acquire(key, args).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTurnsForever;
#[async_trait]
impl Defect for KeepsTurnsForever {
    const BREAKS: &'static [&'static str] = &["leases/queue-ttl"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        sound
            .acquire(
                key,
                AcquireArgs { queue_ttl: if args.queue_ttl.is_zero() { args.queue_ttl } else { HOUR }, ..args },
            )
            .await
    }
}

/// A turn lasts 30 ms at most, whatever the queue ttl.
#[derive(Debug, Default)]
pub(crate) struct KeepsTurnsFor30Milliseconds;
#[async_trait]
impl Defect for KeepsTurnsFor30Milliseconds {
    const BREAKS: &'static [&'static str] = &["leases/queue-ttl"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        sound.acquire(key, AcquireArgs { queue_ttl: args.queue_ttl.min(Duration::from_millis(30)), ..args }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct QueuesOwnersWithAParkOfZero;
#[async_trait]
impl Defect for QueuesOwnersWithAParkOfZero {
    const BREAKS: &'static [&'static str] = &["leases/queue-ttl-zero"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        sound.acquire(key, AcquireArgs { queue_ttl: args.queue_ttl.max(Duration::from_millis(200)), ..args }).await
    }
}

/// An acquire with a queue ttl of zero does not remove a waiter from the queue.
#[derive(Debug, Default)]
pub(crate) struct KeepsTheTurnOfALeavingWaiter;
#[async_trait]
impl Defect for KeepsTheTurnOfALeavingWaiter {
    const BREAKS: &'static [&'static str] = &["leases/queue-ttl-zero"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        let waits = sound.leases_of(key).await.is_some_and(|cell| cell.waiters.iter().any(|it| it.owner == args.owner));
        let queue_ttl = if args.queue_ttl.is_zero() && waits { Duration::from_micros(1) } else { args.queue_ttl };
        sound.acquire(key, AcquireArgs { queue_ttl, ..args }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsTheTurnAfterARelease;
#[async_trait]
impl Defect for KeepsTheTurnAfterARelease {
    const BREAKS: &'static [&'static str] = &["leases/queue-release"];
    async fn release(&self, sound: &SoundClient, key: &Key, owner: Owner) -> Result<(), StoreError> {
        let waiters = sound.leases_of(key).await.map_or(Vec::new(), |cell| cell.waiters);
        sound.leases.release(key, &owner).await?;
        sound.change_leases(key, |cell| cell.waiters = waiters).await;
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct RenewsForWaiters;
#[async_trait]
impl Defect for RenewsForWaiters {
    const BREAKS: &'static [&'static str] = &["leases/queue-holds-nothing"];
    async fn renew(&self, sound: &SoundClient, key: &Key, ttl: Duration, owner: Owner) -> Result<bool, StoreError> {
        let renewed = sound.leases.renew(key, ttl, &owner).await?;
        let cell = sound.leases_of(key).await;
        Ok(renewed || cell.is_some_and(|cell| cell.waiters.iter().any(|waiter| waiter.owner == owner)))
    }
}

/// An acquire with a queue ttl replies only once the lease is granted.
#[derive(Debug, Default)]
pub(crate) struct RepliesOnlyWithALease;
#[async_trait]
impl Defect for RepliesOnlyWithALease {
    const BREAKS: &'static [&'static str] = &[
        "leases/queue-order",
        "leases/queue-keeps-turn",
        "leases/queue-no-overtaking",
        "leases/queue-free-leases",
        "leases/queue-ttl",
        "leases/queue-ttl-zero",
        "leases/queue-release",
        "leases/queue-holds-nothing",
        "leases/queue-reply",
    ];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        loop {
            let lease = sound.acquire(key, args).await?;
            if matches!(lease, Lease::Held { .. }) || args.queue_ttl.is_zero() {
                return Ok(lease);
            }
            sound.sim.sleep(Duration::from_millis(10)).await;
        }
    }
}

/// An owner in the queue is not granted the lease, however often it queues.
#[derive(Debug, Default)]
pub(crate) struct GrantsNothingToWaiters;
#[async_trait]
impl Defect for GrantsNothingToWaiters {
    const BREAKS: &'static [&'static str] = &["leases/processes", "leases/queue-granted"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        let now = sound.now().await;
        let waits = |cell: LeaseCell| cell.waiters.iter().any(|it| it.owner == args.owner && it.deadline > now);
        if !args.queue_ttl.is_zero() && sound.leases_of(key).await.is_some_and(waits) {
            let until = now + args.queue_ttl;
            let own = |cell: &mut LeaseCell| {
                let own = cell.waiters.iter_mut().filter(|waiter| waiter.owner == args.owner);
                own.for_each(|waiter| waiter.deadline = until.max(StoreTime(waiter.deadline.0)));
            };
            sound.change_leases(key, own).await;
            return Ok(Lease::Busy { retry_after: args.queue_ttl });
        }
        sound.acquire(key, args).await
    }
}
