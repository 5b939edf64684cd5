//! Stores that handle the ttl of leases or their fences wrongly.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use stitchapi_core::lease::LeaseCell;
use stitchapi_core::{Key, Lease, Owner, StoreError, async_trait, check_ttl};

use crate::harness::{AcquireArgs, Defect, SoundClient};

type Acquired = Result<Lease, StoreError>;
type Renewed = Result<bool, StoreError>;

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(crate) struct AcceptsTtlZero;
#[async_trait]
impl Defect for AcceptsTtlZero {
    const BREAKS: &'static [&'static str] = &["leases/ttl-zero"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        sound.acquire(key, AcquireArgs { ttl: if args.ttl.is_zero() { HOUR } else { args.ttl }, ..args }).await
    }
}

/// A renew that is refused for its ttl releases the lease.
#[derive(Debug, Default)]
pub(crate) struct ReleasesOnARefusedRenew;
#[async_trait]
impl Defect for ReleasesOnARefusedRenew {
    const BREAKS: &'static [&'static str] = &["leases/ttl-zero"];
    async fn renew(&self, sound: &SoundClient, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        if ttl.is_zero() {
            sound.leases.release(key, &owner).await?;
        }
        sound.leases.renew(key, ttl, &owner).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct RoundsTheTtlUpToSeconds;
#[async_trait]
impl Defect for RoundsTheTtlUpToSeconds {
    const BREAKS: &'static [&'static str] =
        &["leases/ttl-ends", "leases/renew", "leases/reacquire", "leases/renew-late"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        let whole = Duration::from_secs(u64::try_from(args.ttl.as_millis().div_ceil(1_000)).unwrap_or(0));
        sound.acquire(key, AcquireArgs { ttl: whole, ..args }).await
    }
}

/// The ttl is stored for the key: all leases expire with the last one.
#[derive(Debug, Default)]
pub(crate) struct ExpiresWithTheLastHolder;
#[async_trait]
impl Defect for ExpiresWithTheLastHolder {
    const BREAKS: &'static [&'static str] = &["leases/ttl-ends"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        let now = sound.now().await;
        let last = |cell: &mut LeaseCell| {
            let last = cell.holders.iter().map(|holder| holder.deadline).max().filter(|last| *last > now);
            cell.holders.iter_mut().for_each(|holder| holder.deadline = last.unwrap_or(holder.deadline));
        };
        sound.change_leases(key, last).await;
        sound.acquire(key, args).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ExpiresAtHalfOfTheTtl;
#[async_trait]
impl Defect for ExpiresAtHalfOfTheTtl {
    const BREAKS: &'static [&'static str] = &["leases/ttl-not-early", "leases/renew", "leases/reacquire"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        sound.acquire(key, AcquireArgs { ttl: args.ttl / 2, ..args }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct DoesNotExtendOnRenew;
#[async_trait]
impl Defect for DoesNotExtendOnRenew {
    const BREAKS: &'static [&'static str] = &["leases/renew"];
    async fn renew(&self, sound: &SoundClient, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        check_ttl(ttl, "memory", "renew")?;
        sound.leases.renew(key, Duration::from_micros(1), &owner).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct DoesNotExtendOnReacquire;
#[async_trait]
impl Defect for DoesNotExtendOnReacquire {
    const BREAKS: &'static [&'static str] = &["leases/reacquire"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        let holds = !args.ttl.is_zero() && sound.holds(key, &args.owner).await;
        sound.acquire(key, AcquireArgs { ttl: if holds { Duration::from_micros(1) } else { args.ttl }, ..args }).await
    }
}

/// Renews an expired lease that no other owner has acquired since.
#[derive(Debug, Default)]
pub(crate) struct RenewsExpiredLeases;
#[async_trait]
impl Defect for RenewsExpiredLeases {
    const BREAKS: &'static [&'static str] = &["leases/renew-late"];
    async fn renew(&self, sound: &SoundClient, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        let now = sound.now().await;
        let revive = |cell: &mut LeaseCell| {
            let own = cell.holders.iter_mut().filter(|holder| holder.owner == owner);
            own.for_each(|holder| holder.deadline = holder.deadline.max(now + Duration::from_micros(1)));
        };
        sound.change_leases(key, revive).await;
        sound.leases.renew(key, ttl, &owner).await
    }
}

/// Two leases that are granted within one microsecond have the same fence.
#[derive(Debug, Default)]
pub(crate) struct DerivesFencesFromTheClockOnly;
#[async_trait]
impl Defect for DerivesFencesFromTheClockOnly {
    const BREAKS: &'static [&'static str] = &["leases/concurrent", "leases/fence-grows", "leases/clock-back"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        sound.change_leases(key, |cell| cell.fence = 0).await;
        sound.acquire(key, args).await
    }
}

/// Counts fences from one and forgets them with the key.
#[derive(Debug, Default)]
pub(crate) struct CountsFencesPerKey(Mutex<HashMap<(Key, u64), u64>>);
#[async_trait]
impl Defect for CountsFencesPerKey {
    const BREAKS: &'static [&'static str] = &["leases/fence-delete", "leases/fence-end"];
    async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Acquired {
        let fresh = sound.raw(key).await.is_none();
        let lease = sound.acquire(key, args).await?;
        let Lease::Held { fence } = lease else { return Ok(lease) };
        let mut counted = self.0.lock().expect("no holder of the lock panics");
        if fresh {
            counted.retain(|(of, _), _| of != key);
        }
        let next = 1 + counted.iter().filter(|((of, _), _)| of == key).count() as u64;
        Ok(Lease::Held { fence: *counted.entry((key.clone(), fence)).or_insert(next) })
    }
}
