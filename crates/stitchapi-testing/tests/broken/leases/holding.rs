//! Stores that grant, renew or release leases wrongly.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stitchapi_core::lease::{Holder, LeaseCell};
use stitchapi_core::{Key, Lease, Owner, StitchStore, StoreError, StoreErrorKind, async_trait, check_limit};

use crate::harness::{AcquireArgs, Defect, Lock, SoundClient, is_corrupt};

type Acquired = Result<Lease, StoreError>;
type Renewed = Result<bool, StoreError>;
type Done = Result<(), StoreError>;

/// Grants one lease at a time, whatever the limit.
#[derive(Debug, Default)]
pub(crate) struct GrantsOneLeaseOnly;
#[async_trait]
impl Defect for GrantsOneLeaseOnly {
    const BREAKS: &'static [&'static str] = &[
        "leases/free",
        "leases/limit",
        "leases/concurrent",
        "leases/same-owner",
        "leases/ttl-ends",
        "leases/fence-grows",
        "leases/queue-free-leases",
    ];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        sound.acquire(key, AcquireArgs { limit: args.limit.min(1), ..args }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct GrantsOneLeaseMore;
#[async_trait]
impl Defect for GrantsOneLeaseMore {
    const BREAKS: &'static [&'static str] = &[
        "leases/limit",
        "leases/concurrent",
        "leases/processes",
        "leases/keys-apart",
        "leases/same-owner",
        "leases/release",
        "leases/non-holder",
        "leases/repeated",
        "leases/retry-after",
        "leases/dropped",
        "leases/ttl-zero",
        "leases/limit-zero",
        "leases/ttl-not-early",
        "leases/renew",
        "leases/reacquire",
        "leases/queue-order",
        "leases/queue-keeps-turn",
        "leases/queue-no-overtaking",
        "leases/queue-free-leases",
        "leases/queue-ttl",
        "leases/queue-ttl-zero",
        "leases/queue-release",
        "leases/queue-holds-nothing",
        "leases/queue-reply",
        "leases/queue-granted",
        "leases/plain-access",
        "leases/clock-back",
    ];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        check_limit(args.limit, "memory", "acquire")?;
        sound.acquire(key, AcquireArgs { limit: args.limit + 1, ..args }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReadsThenGrants;
#[async_trait]
impl Defect for ReadsThenGrants {
    const BREAKS: &'static [&'static str] = &["leases/concurrent", "leases/processes"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        sound.acquire_slowly(key, args).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LocksPerProcess(Lock);
#[async_trait]
impl Defect for LocksPerProcess {
    const BREAKS: &'static [&'static str] = &["leases/processes"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        self.0.with(sound.id.process, sound, sound.acquire_slowly(key, args)).await
    }
}

/// All keys of a clause share their leases.
#[derive(Debug, Default)]
pub(crate) struct SharesLeasesBetweenKeys;
impl SharesLeasesBetweenKeys {
    fn together(key: &Key) -> Key {
        let text = format!("{key:?}");
        Key::new("together").part(text.rsplit_once(':').map_or("", |(all, _)| all))
    }
}
#[async_trait]
impl Defect for SharesLeasesBetweenKeys {
    const BREAKS: &'static [&'static str] = &[
        "leases/concurrent",
        "leases/keys-apart",
        "leases/delete",
        "leases/ttl-ends",
        "leases/fence-delete",
        "leases/queue-ttl-zero",
        "leases/plain-access",
        "leases/foreign-value",
        "leases/other-facet",
        "versioned/other-facet",
    ];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        sound.acquire(&Self::together(key), args).await
    }
    async fn renew(&self, sound: &SoundClient, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        sound.leases.renew(&Self::together(key), ttl, &owner).await
    }
    async fn release(&self, sound: &SoundClient, key: &Key, owner: Owner) -> Done {
        sound.leases.release(&Self::together(key), &owner).await
    }
}

/// An owner that acquires again takes a second lease if one is free.
#[derive(Debug, Default)]
pub(crate) struct GrantsASecondLeaseToTheHolder;
#[async_trait]
impl Defect for GrantsASecondLeaseToTheHolder {
    const BREAKS: &'static [&'static str] = &["leases/same-owner"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        let again = sound.holds(key, &args.owner).await;
        let lease = sound.acquire(key, args).await?;
        let another = |cell: &mut LeaseCell| {
            let own = cell.holders.iter().find(|holder| holder.owner == args.owner).copied();
            let free = again && cell.holders.len() < args.limit as usize;
            cell.holders.extend(own.filter(|_| free));
        };
        sound.change_leases(key, another).await;
        Ok(lease)
    }
}

#[derive(Debug, Default)]
pub(crate) struct GivesTheHolderANewFence;
#[async_trait]
impl Defect for GivesTheHolderANewFence {
    const BREAKS: &'static [&'static str] = &[
        "leases/same-owner",
        "leases/non-holder",
        "leases/repeated",
        "leases/ttl-zero",
        "leases/limit-zero",
        "leases/queue-release",
        "leases/plain-access",
        "leases/other-facet",
        "versioned/other-facet",
    ];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        if !args.ttl.is_zero() && args.limit > 0 && sound.holds(key, &args.owner).await {
            sound.leases.release(key, &args.owner).await?;
        }
        sound.acquire(key, args).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct IgnoresReleases;
#[async_trait]
impl Defect for IgnoresReleases {
    const BREAKS: &'static [&'static str] = &[
        "leases/processes",
        "leases/keys-apart",
        "leases/release",
        "leases/renew-released",
        "leases/repeated",
        "leases/dropped",
        "leases/fence-grows",
        "leases/queue-order",
        "leases/queue-keeps-turn",
        "leases/queue-no-overtaking",
        "leases/queue-free-leases",
        "leases/queue-ttl",
        "leases/queue-ttl-zero",
        "leases/queue-release",
        "leases/queue-granted",
        "leases/clock-back",
    ];
    async fn release(&self, sound: &SoundClient, key: &Key, owner: Owner) -> Done {
        // The release of another facet's value, and of a turn in the queue, stays as it should be.
        if sound.holds(key, &owner).await { Ok(()) } else { sound.leases.release(key, &owner).await }
    }
}

/// A renew acquires the lease if it is free.
#[derive(Debug, Default)]
pub(crate) struct RenewsFreeLeases;
#[async_trait]
impl Defect for RenewsFreeLeases {
    const BREAKS: &'static [&'static str] =
        &["leases/renew-released", "leases/non-holder", "leases/delete", "leases/renew-late"];
    async fn renew(&self, sound: &SoundClient, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        let args = AcquireArgs { limit: 1, ttl, owner, queue_ttl: Duration::ZERO };
        Ok(matches!(sound.acquire(key, args).await?, Lease::Held { .. }))
    }
}

/// A renew extends the lease of whichever owner holds it.
#[derive(Debug, Default)]
pub(crate) struct RenewsForEveryOwner;
#[async_trait]
impl Defect for RenewsForEveryOwner {
    const BREAKS: &'static [&'static str] = &["leases/non-holder", "leases/queue-holds-nothing"];
    async fn renew(&self, sound: &SoundClient, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        let now = sound.now().await;
        let holders = sound.leases_of(key).await.map_or(Vec::new(), |cell| cell.holders);
        let holder = holders.iter().find(|holder| holder.deadline > now).map_or(owner, |holder| holder.owner);
        sound.leases.renew(key, ttl, &holder).await
    }
}

/// A release deletes the leases of all owners.
#[derive(Debug, Default)]
pub(crate) struct ReleasesForEveryOwner;
#[async_trait]
impl Defect for ReleasesForEveryOwner {
    const BREAKS: &'static [&'static str] =
        &["leases/non-holder", "leases/repeated", "leases/queue-release", "leases/queue-holds-nothing"];
    async fn release(&self, sound: &SoundClient, key: &Key, owner: Owner) -> Done {
        sound.leases.release(key, &owner).await?;
        sound.change_leases(key, |cell| cell.holders.clear()).await;
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct FailsToReleaseUnheldLeases;
#[async_trait]
impl Defect for FailsToReleaseUnheldLeases {
    const BREAKS: &'static [&'static str] = &["leases/non-holder", "leases/repeated", "leases/dropped"];
    async fn release(&self, sound: &SoundClient, key: &Key, owner: Owner) -> Done {
        let before = sound.raw(key).await;
        sound.leases.release(key, &owner).await?;
        if before == sound.raw(key).await {
            return Err(StoreError::new(StoreErrorKind::Other, "memory", "release"));
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReturnsTheCallersTtlAsRetryAfter;
#[async_trait]
impl Defect for ReturnsTheCallersTtlAsRetryAfter {
    const BREAKS: &'static [&'static str] = &["leases/retry-after"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        Ok(match sound.acquire(key, args).await? {
            Lease::Busy { .. } => Lease::Busy { retry_after: args.ttl },
            held @ Lease::Held { .. } => held,
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReturnsARetryAfterOfZero;
#[async_trait]
impl Defect for ReturnsARetryAfterOfZero {
    const BREAKS: &'static [&'static str] = &["leases/retry-after"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        Ok(match sound.acquire(key, args).await? {
            Lease::Busy { .. } => Lease::Busy { retry_after: Duration::ZERO },
            held @ Lease::Held { .. } => held,
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsDeletedLeases;
#[async_trait]
impl Defect for KeepsDeletedLeases {
    const BREAKS: &'static [&'static str] = &["leases/delete", "leases/fence-delete"];
    async fn delete(&self, sound: &SoundClient, key: &Key) -> Done {
        if sound.tag(key).await == Some(b'l') { Ok(()) } else { sound.store.delete(key).await }
    }
}

/// A dropped `acquire` leaves the store locked.
#[derive(Debug, Default)]
pub(crate) struct KeepsALockAfterADrop(AtomicBool);
#[async_trait]
impl Defect for KeepsALockAfterADrop {
    const BREAKS: &'static [&'static str] = &["leases/dropped", "leases/contended"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        // The lock is released after 100 attempts, so that no later clause is affected.
        for _ in 0..100 {
            if !self.0.swap(true, Ordering::Relaxed) {
                sound.pause().await;
                let done = sound.acquire(key, args).await;
                self.0.store(false, Ordering::Relaxed);
                return done;
            }
            sound.pause().await;
        }
        self.0.store(false, Ordering::Relaxed);
        Err(StoreError::new(StoreErrorKind::Contended, "memory", "acquire"))
    }
}

#[derive(Debug, Default)]
pub(crate) struct TreatsLimitZeroAsUnlimited;
#[async_trait]
impl Defect for TreatsLimitZeroAsUnlimited {
    const BREAKS: &'static [&'static str] = &["leases/limit-zero"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        sound.acquire(key, AcquireArgs { limit: if args.limit == 0 { u32::MAX } else { args.limit }, ..args }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct GrantsOverPlainValues;
#[async_trait]
impl Defect for GrantsOverPlainValues {
    const BREAKS: &'static [&'static str] = &["leases/foreign-value", "leases/other-facet", "versioned/other-facet"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        let lease = sound.acquire(key, args).await;
        if is_corrupt(&lease) {
            sound.store.delete(key).await?;
            return sound.acquire(key, args).await;
        }
        lease
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReleasesPlainValues;
#[async_trait]
impl Defect for ReleasesPlainValues {
    const BREAKS: &'static [&'static str] = &["leases/foreign-value", "leases/other-facet", "versioned/other-facet"];
    async fn release(&self, sound: &SoundClient, key: &Key, owner: Owner) -> Done {
        let released = sound.leases.release(key, &owner).await;
        if is_corrupt(&released) { Ok(()) } else { released }
    }
}

/// Renews a plain value whose text is that of a lease.
#[derive(Debug, Default)]
pub(crate) struct RenewsPlainValues;
#[async_trait]
impl Defect for RenewsPlainValues {
    const BREAKS: &'static [&'static str] = &["leases/foreign-value"];
    async fn renew(&self, sound: &SoundClient, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        let renewed = sound.leases.renew(key, ttl, &owner).await;
        if is_corrupt(&renewed)
            && let Ok(Some(value)) = sound.store.get(key).await
            && let Some(cell) = std::str::from_utf8(&value).ok().and_then(|text| text.parse::<LeaseCell>().ok())
        {
            return Ok(cell.holders.iter().any(|Holder { owner: holder, .. }| *holder == owner));
        }
        renewed
    }
}
