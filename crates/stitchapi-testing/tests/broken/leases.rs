//! Stores that lend wrongly.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stitchapi_core::lease::{Holder, LeaseCell};
use stitchapi_core::{Key, Lease, Owner, StitchStore, StoreError, StoreErrorKind, async_trait, check_limit, check_ttl};

use crate::fault::Fault;
use crate::good::{Ask, Good, Lock, is_corrupt};

type Lent = Result<Lease, StoreError>;
type Renewed = Result<bool, StoreError>;
type Done = Result<(), StoreError>;

const HOUR: Duration = Duration::from_secs(3600);

/// Whoever else holds a place, however many there are.
#[derive(Debug, Default)]
pub(crate) struct LendsOnePlaceOnly;
#[async_trait]
impl Fault for LendsOnePlaceOnly {
    const BREAKS: &'static [&'static str] = &[
        "leases/free",
        "leases/limit",
        "leases/concurrent",
        "leases/same-owner",
        "leases/ttl-ends",
        "leases/fence-grows",
        "leases/queue-spare",
    ];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        good.acquire(key, Ask { limit: ask.limit.min(1), ..ask }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LendsOneMore;
#[async_trait]
impl Fault for LendsOneMore {
    const BREAKS: &'static [&'static str] = &[
        "leases/limit",
        "leases/concurrent",
        "leases/processes",
        "leases/keys-apart",
        "leases/same-owner",
        "leases/release",
        "leases/stranger",
        "leases/repeated",
        "leases/busy",
        "leases/dropped",
        "leases/ttl-zero",
        "leases/limit-zero",
        "leases/ttl-not-early",
        "leases/renew",
        "leases/ask-again",
        "leases/queue-order",
        "leases/queue-again",
        "leases/queue-passer-by",
        "leases/queue-spare",
        "leases/queue-park",
        "leases/queue-zero",
        "leases/queue-release",
        "leases/queue-renew",
        "leases/queue-answer",
        "leases/queue-served",
        "leases/plain-access",
    ];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        check_limit(ask.limit, "memory", "acquire")?;
        good.acquire(key, Ask { limit: ask.limit + 1, ..ask }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReadsThenLends;
#[async_trait]
impl Fault for ReadsThenLends {
    const BREAKS: &'static [&'static str] = &["leases/concurrent", "leases/processes"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        good.acquire_slowly(key, ask).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct LocksInTheProcess(Lock);
#[async_trait]
impl Fault for LocksInTheProcess {
    const BREAKS: &'static [&'static str] = &["leases/processes"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        self.0.with(good.id.process, good, good.acquire_slowly(key, ask)).await
    }
}

/// All the places of one scene are under one key.
#[derive(Debug, Default)]
pub(crate) struct LendsKeysTogether;
impl LendsKeysTogether {
    fn together(key: &Key) -> Key {
        let text = format!("{key:?}");
        Key::new("together").part(text.rsplit_once(':').map_or("", |(all, _)| all))
    }
}
#[async_trait]
impl Fault for LendsKeysTogether {
    const BREAKS: &'static [&'static str] = &[
        "leases/concurrent",
        "leases/keys-apart",
        "leases/delete",
        "leases/ttl-ends",
        "leases/fence-delete",
        "leases/queue-zero",
        "leases/plain-access",
        "leases/foreign-value",
        "leases/other-facet",
        "versioned/other-facet",
    ];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        good.acquire(&Self::together(key), ask).await
    }
    async fn renew(&self, good: &Good, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        good.leases.renew(&Self::together(key), ttl, &owner).await
    }
    async fn release(&self, good: &Good, key: &Key, owner: Owner) -> Done {
        good.leases.release(&Self::together(key), &owner).await
    }
}

/// Who asks again takes another place, if one is free.
#[derive(Debug, Default)]
pub(crate) struct LendsTheSameOwnerAnother;
#[async_trait]
impl Fault for LendsTheSameOwnerAnother {
    const BREAKS: &'static [&'static str] = &["leases/same-owner"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        let again = good.holds(key, &ask.owner).await;
        let lent = good.acquire(key, ask).await?;
        let another = |cell: &mut LeaseCell| {
            let own = cell.holders.iter().find(|holder| holder.owner == ask.owner).copied();
            let free = again && cell.holders.len() < ask.limit as usize;
            cell.holders.extend(own.filter(|_| free));
        };
        good.mend_lease(key, another).await;
        Ok(lent)
    }
}

#[derive(Debug, Default)]
pub(crate) struct FencesTheSameOwnerAnew;
#[async_trait]
impl Fault for FencesTheSameOwnerAnew {
    const BREAKS: &'static [&'static str] = &[
        "leases/same-owner",
        "leases/stranger",
        "leases/repeated",
        "leases/ttl-zero",
        "leases/limit-zero",
        "leases/queue-release",
        "leases/plain-access",
        "leases/other-facet",
        "versioned/other-facet",
    ];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        if !ask.ttl.is_zero() && ask.limit > 0 && good.holds(key, &ask.owner).await {
            good.leases.release(key, &ask.owner).await?;
        }
        good.acquire(key, ask).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsWhatIsGivenBack;
#[async_trait]
impl Fault for KeepsWhatIsGivenBack {
    const BREAKS: &'static [&'static str] = &[
        "leases/processes",
        "leases/keys-apart",
        "leases/release",
        "leases/given-back",
        "leases/repeated",
        "leases/dropped",
        "leases/fence-grows",
        "leases/queue-order",
        "leases/queue-again",
        "leases/queue-passer-by",
        "leases/queue-spare",
        "leases/queue-park",
        "leases/queue-zero",
        "leases/queue-release",
        "leases/queue-served",
    ];
    async fn release(&self, good: &Good, key: &Key, owner: Owner) -> Done {
        // It refuses what is no lease, and takes back what nobody holds.
        if good.holds(key, &owner).await { Ok(()) } else { good.leases.release(key, &owner).await }
    }
}

/// A renewal is an acquire: it takes a place that is free.
#[derive(Debug, Default)]
pub(crate) struct RenewsWhatIsFree;
#[async_trait]
impl Fault for RenewsWhatIsFree {
    const BREAKS: &'static [&'static str] =
        &["leases/given-back", "leases/stranger", "leases/delete", "leases/renew-late"];
    async fn renew(&self, good: &Good, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        let ask = Ask { limit: 1, ttl, owner, park: Duration::ZERO };
        Ok(matches!(good.acquire(key, ask).await?, Lease::Held { .. }))
    }
}

/// The ttl is the key's, whoever holds it.
#[derive(Debug, Default)]
pub(crate) struct RenewsForAnybody;
#[async_trait]
impl Fault for RenewsForAnybody {
    const BREAKS: &'static [&'static str] = &["leases/stranger", "leases/queue-renew"];
    async fn renew(&self, good: &Good, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        let now = good.now().await;
        let holders = good.lease(key).await.map_or(Vec::new(), |cell| cell.holders);
        let holder = holders.iter().find(|holder| holder.deadline > now).map_or(owner, |holder| holder.owner);
        good.leases.renew(key, ttl, &holder).await
    }
}

/// As one does that deletes the key.
#[derive(Debug, Default)]
pub(crate) struct ReleasesForAnybody;
#[async_trait]
impl Fault for ReleasesForAnybody {
    const BREAKS: &'static [&'static str] =
        &["leases/stranger", "leases/repeated", "leases/queue-release", "leases/queue-renew"];
    async fn release(&self, good: &Good, key: &Key, owner: Owner) -> Done {
        good.leases.release(key, &owner).await?;
        good.mend_lease(key, |cell| cell.holders.clear()).await;
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct FailsToReleaseWhatIsNotHeld;
#[async_trait]
impl Fault for FailsToReleaseWhatIsNotHeld {
    const BREAKS: &'static [&'static str] = &["leases/stranger", "leases/repeated", "leases/dropped"];
    async fn release(&self, good: &Good, key: &Key, owner: Owner) -> Done {
        let before = good.raw(key).await;
        good.leases.release(key, &owner).await?;
        if before == good.raw(key).await {
            return Err(StoreError::new(StoreErrorKind::Other, "memory", "release"));
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
pub(crate) struct TellsTheTtlOfWhoAsks;
#[async_trait]
impl Fault for TellsTheTtlOfWhoAsks {
    const BREAKS: &'static [&'static str] = &["leases/busy"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        Ok(match good.acquire(key, ask).await? {
            Lease::Busy { .. } => Lease::Busy { retry_after: ask.ttl },
            held @ Lease::Held { .. } => held,
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct TellsToComeBackAtOnce;
#[async_trait]
impl Fault for TellsToComeBackAtOnce {
    const BREAKS: &'static [&'static str] = &["leases/busy"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        Ok(match good.acquire(key, ask).await? {
            Lease::Busy { .. } => Lease::Busy { retry_after: Duration::ZERO },
            held @ Lease::Held { .. } => held,
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct KeepsDeletedLeases;
#[async_trait]
impl Fault for KeepsDeletedLeases {
    const BREAKS: &'static [&'static str] = &["leases/delete", "leases/fence-delete"];
    async fn delete(&self, good: &Good, key: &Key) -> Done {
        if good.tag(key).await == Some(b'l') { Ok(()) } else { good.store.delete(key).await }
    }
}

/// A dropped `acquire` leaves it locked.
#[derive(Debug, Default)]
pub(crate) struct LeavesALockBehind(AtomicBool);
#[async_trait]
impl Fault for LeavesALockBehind {
    const BREAKS: &'static [&'static str] = &["leases/dropped"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        // Later clauses find it free again: a test of one fault is not a test of what follows from it.
        for _ in 0..100 {
            if !self.0.swap(true, Ordering::Relaxed) {
                good.pause().await;
                let done = good.acquire(key, ask).await;
                self.0.store(false, Ordering::Relaxed);
                return done;
            }
            good.pause().await;
        }
        self.0.store(false, Ordering::Relaxed);
        Err(StoreError::new(StoreErrorKind::Contended, "memory", "acquire"))
    }
}

#[derive(Debug, Default)]
pub(crate) struct LendsForATtlOfZero;
#[async_trait]
impl Fault for LendsForATtlOfZero {
    const BREAKS: &'static [&'static str] = &["leases/ttl-zero"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        good.acquire(key, Ask { ttl: if ask.ttl.is_zero() { HOUR } else { ask.ttl }, ..ask }).await
    }
}

/// What a refused renewal changed stays changed: the place ends at once.
#[derive(Debug, Default)]
pub(crate) struct EndsWhatItRefuses;
#[async_trait]
impl Fault for EndsWhatItRefuses {
    const BREAKS: &'static [&'static str] = &["leases/ttl-zero"];
    async fn renew(&self, good: &Good, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        if ttl.is_zero() {
            good.leases.release(key, &owner).await?;
        }
        good.leases.renew(key, ttl, &owner).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct TakesALimitOfZeroForNone;
#[async_trait]
impl Fault for TakesALimitOfZeroForNone {
    const BREAKS: &'static [&'static str] = &["leases/limit-zero"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        good.acquire(key, Ask { limit: if ask.limit == 0 { u32::MAX } else { ask.limit }, ..ask }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct HoldsForWholeSeconds;
#[async_trait]
impl Fault for HoldsForWholeSeconds {
    const BREAKS: &'static [&'static str] =
        &["leases/ttl-ends", "leases/renew", "leases/ask-again", "leases/renew-late"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        let whole = Duration::from_secs(u64::try_from(ask.ttl.as_millis().div_ceil(1_000)).unwrap_or(0));
        good.acquire(key, Ask { ttl: whole, ..ask }).await
    }
}

/// The ttl is the key's: it ends with the holder that ends last.
#[derive(Debug, Default)]
pub(crate) struct EndsWithTheKey;
#[async_trait]
impl Fault for EndsWithTheKey {
    const BREAKS: &'static [&'static str] = &["leases/ttl-ends"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        let now = good.now().await;
        let last = |cell: &mut LeaseCell| {
            let last = cell.holders.iter().map(|holder| holder.deadline).max().filter(|last| *last > now);
            cell.holders.iter_mut().for_each(|holder| holder.deadline = last.unwrap_or(holder.deadline));
        };
        good.mend_lease(key, last).await;
        good.acquire(key, ask).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct EndsAtHalfTime;
#[async_trait]
impl Fault for EndsAtHalfTime {
    const BREAKS: &'static [&'static str] = &["leases/ttl-not-early", "leases/renew", "leases/ask-again"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        good.acquire(key, Ask { ttl: ask.ttl / 2, ..ask }).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct RenewsNothing;
#[async_trait]
impl Fault for RenewsNothing {
    const BREAKS: &'static [&'static str] = &["leases/renew"];
    async fn renew(&self, good: &Good, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        check_ttl(ttl, "memory", "renew")?;
        good.leases.renew(key, Duration::from_micros(1), &owner).await
    }
}

#[derive(Debug, Default)]
pub(crate) struct TellsAHolderOnlyThatItHolds;
#[async_trait]
impl Fault for TellsAHolderOnlyThatItHolds {
    const BREAKS: &'static [&'static str] = &["leases/ask-again"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        let holds = !ask.ttl.is_zero() && good.holds(key, &ask.owner).await;
        good.acquire(key, Ask { ttl: if holds { Duration::from_micros(1) } else { ask.ttl }, ..ask }).await
    }
}

/// As long as nobody else has taken the place.
#[derive(Debug, Default)]
pub(crate) struct RenewsTheDead;
#[async_trait]
impl Fault for RenewsTheDead {
    const BREAKS: &'static [&'static str] = &["leases/renew-late"];
    async fn renew(&self, good: &Good, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        let now = good.now().await;
        let revive = |cell: &mut LeaseCell| {
            let own = cell.holders.iter_mut().filter(|holder| holder.owner == owner);
            own.for_each(|holder| holder.deadline = holder.deadline.max(now + Duration::from_micros(1)));
        };
        good.mend_lease(key, revive).await;
        good.leases.renew(key, ttl, &owner).await
    }
}

/// Two holders in one moment have one fence.
#[derive(Debug, Default)]
pub(crate) struct FencesByTheClockAlone;
#[async_trait]
impl Fault for FencesByTheClockAlone {
    const BREAKS: &'static [&'static str] = &["leases/concurrent", "leases/fence-grows"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        good.mend_lease(key, |cell| cell.fence = 0).await;
        good.acquire(key, ask).await
    }
}

/// Fences are counted from one, beside the place, and forgotten with it.
#[derive(Debug, Default)]
pub(crate) struct CountsFencesInTheKey(Mutex<HashMap<(Key, u64), u64>>);
#[async_trait]
impl Fault for CountsFencesInTheKey {
    const BREAKS: &'static [&'static str] = &["leases/fence-delete", "leases/fence-end"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        let fresh = good.raw(key).await.is_none();
        let lent = good.acquire(key, ask).await?;
        let Lease::Held { fence } = lent else { return Ok(lent) };
        let mut counted = self.0.lock().expect("nobody panics with it");
        if fresh {
            counted.retain(|(of, _), _| of != key);
        }
        let next = 1 + counted.iter().filter(|((of, _), _)| of == key).count() as u64;
        Ok(Lease::Held { fence: *counted.entry((key.clone(), fence)).or_insert(next) })
    }
}

#[derive(Debug, Default)]
pub(crate) struct LendsOverValues;
#[async_trait]
impl Fault for LendsOverValues {
    const BREAKS: &'static [&'static str] = &["leases/foreign-value", "leases/other-facet", "versioned/other-facet"];
    async fn acquire(&self, good: &Good, key: &Key, ask: Ask) -> Lent {
        let lent = good.acquire(key, ask).await;
        if is_corrupt(&lent) {
            good.store.delete(key).await?;
            return good.acquire(key, ask).await;
        }
        lent
    }
}

#[derive(Debug, Default)]
pub(crate) struct ReleasesValuesSilently;
#[async_trait]
impl Fault for ReleasesValuesSilently {
    const BREAKS: &'static [&'static str] = &["leases/foreign-value", "leases/other-facet", "versioned/other-facet"];
    async fn release(&self, good: &Good, key: &Key, owner: Owner) -> Done {
        let released = good.leases.release(key, &owner).await;
        if is_corrupt(&released) { Ok(()) } else { released }
    }
}

/// It takes the text of a lease for one, whoever wrote it.
#[derive(Debug, Default)]
pub(crate) struct RenewsTheTextOfALease;
#[async_trait]
impl Fault for RenewsTheTextOfALease {
    const BREAKS: &'static [&'static str] = &["leases/foreign-value"];
    async fn renew(&self, good: &Good, key: &Key, ttl: Duration, owner: Owner) -> Renewed {
        let renewed = good.leases.renew(key, ttl, &owner).await;
        if is_corrupt(&renewed)
            && let Ok(Some(value)) = good.store.get(key).await
            && let Some(cell) = std::str::from_utf8(&value).ok().and_then(|text| text.parse::<LeaseCell>().ok())
        {
            return Ok(cell.holders.iter().any(|Holder { owner: holder, .. }| *holder == owner));
        }
        renewed
    }
}
