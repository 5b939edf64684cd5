//! The ttl of leases, and the fences of consecutive lease holders.

use std::future::Future;
use std::time::Duration;

use futures_util::future::try_join;
use stitchapi_core::{Owner, StoreError};

use super::lease_key::{LeaseKey, owners};
use crate::harness::{ClauseResult, Expiry, Fixture, NotPassed, ensure};

/// Longer than a store keeps a key after its last lease holder.
const FORGOTTEN: Duration = Duration::from_millis(1_200);

/// Acquires a lease with a short ttl and watches when another owner can acquire it.
async fn watch(fixture: &Fixture, leases: &LeaseKey) -> Result<Expiry, NotPassed> {
    let [holder, next] = owners(fixture);
    let acquire = leases.try_acquire_for(fixture.short_ttl(), &holder);
    let lifetime = fixture.time_write(fixture.short_ttl(), acquire).await?;
    fixture.watch_expiry(lifetime, || is_busy(leases, &next)).await
}

async fn is_busy(leases: &LeaseKey, next: &Owner) -> Result<bool, StoreError> {
    Ok(leases.try_acquire(next).await?.is_none())
}

pub(crate) async fn not_late(fixture: Fixture) -> ClauseResult {
    let (only, beside) = (LeaseKey::new(&fixture, "only", 1)?, LeaseKey::new(&fixture, "beside", 2)?);
    let [other] = owners(&fixture);
    beside.expect_granted(&other, "of the first of two leases").await?;
    let (only, beside) = try_join(watch(&fixture, &only), watch(&fixture, &beside)).await?;
    for (expiry, holder) in [(only, "the only lease holder"), (beside, "one of two lease holders")] {
        if let Expiry::Late(after) = expiry {
            return Err(NotPassed::Violated(format!(
                "the lease of {holder}, with a ttl of {:?}, was not free after {after:?}",
                fixture.short_ttl()
            )));
        }
    }
    Ok(())
}

pub(crate) async fn not_early(fixture: Fixture) -> ClauseResult {
    match watch(&fixture, &LeaseKey::new(&fixture, "lease", 1)?).await? {
        Expiry::Early(after) => Err(NotPassed::Violated(format!(
            "a lease with a ttl of {:?} was free after {after:?}",
            fixture.short_ttl()
        ))),
        Expiry::InTime | Expiry::Late(_) => Ok(()),
    }
}

pub(crate) async fn renew_extends(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder] = owners(&fixture);
    let renew = leases.second.renew(&leases.key, fixture.short_ttl(), &holder);
    expect_extended(&fixture, &leases, &holder, renew).await
}

pub(crate) async fn reacquire_extends(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder] = owners(&fixture);
    let acquire = async { Ok(leases.try_acquire_for(fixture.short_ttl(), &holder).await?.is_some()) };
    expect_extended(&fixture, &leases, &holder, acquire).await
}

/// Acquires a lease, runs `extend` at half of its ttl, and checks that the lease ends with the second ttl.
async fn expect_extended(
    fixture: &Fixture,
    leases: &LeaseKey,
    holder: &Owner,
    extend: impl Future<Output = Result<bool, StoreError>> + Send,
) -> ClauseResult {
    let (ttl, [next]) = (fixture.short_ttl(), owners(fixture));
    let begun = fixture.runtime().now();
    leases.try_acquire_for(ttl, holder).await?;
    fixture.sleep(Duration::from_millis(75)).await;
    let mut is_held = false;
    let lifetime = fixture.time_write(ttl, async { extend.await.map(|held| is_held = held) }).await?;
    if fixture.runtime().now() > begun + ttl - fixture.options.scaled(Duration::from_millis(20)) {
        return Err(NotPassed::too_slow());
    }
    ensure!(is_held, "a lease holder could not extend its lease");
    let expiry = fixture.watch_expiry(lifetime, || is_busy(leases, &next)).await?;
    ensure!(expiry == Expiry::InTime, "a lease extended by {ttl:?} at half of a ttl of {ttl:?} expired {expiry:?}");
    Ok(())
}

pub(crate) async fn renew_expired(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [late, other] = owners(&fixture);
    leases.try_acquire_for(fixture.short_ttl(), &late).await?;
    fixture.sleep_past(fixture.short_ttl()).await;
    ensure!(!leases.renew(&late).await?, "renew of an expired lease returned true");
    leases.expect_granted(&other, "after the renew of an expired lease").await?;
    Ok(())
}

pub(crate) async fn fence_grows(fixture: Fixture) -> ClauseResult {
    let mut latest = 0;
    for limit in [1, 3] {
        let leases = LeaseKey::new(&fixture, "lease", limit)?;
        for owner in owners::<3>(&fixture) {
            let fence = leases.expect_granted(&owner, "within the limit").await?;
            latest = expect_larger(latest, fence, "of the next lease holder")?;
            if limit == 1 {
                leases.release(&owner).await?;
            }
        }
    }
    Ok(())
}

/// Checks that `fence` is larger than `latest`, and returns it.
pub(crate) fn expect_larger(latest: u64, fence: u64, whose: &str) -> Result<u64, NotPassed> {
    ensure!(fence > latest, "the fence {whose} is {fence}, expected one larger than {latest}");
    Ok(fence)
}

pub(crate) async fn fence_after_delete(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let mut latest = 0;
    for owner in owners::<3>(&fixture) {
        let fence = leases.expect_granted(&owner, "of a free lease").await?;
        latest = expect_larger(latest, fence, "of the lease holder after delete")?;
        fixture.store().delete(&leases.key).await?;
        // After a delete the next fence comes from the store's clock.
        fixture.sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

pub(crate) async fn fence_after_expiry(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [one, other] = owners(&fixture);
    let ttl = fixture.options.scaled(Duration::from_millis(20));
    let Some(first) = leases.try_acquire_for(ttl, &one).await? else {
        return Err(NotPassed::Violated("acquire of a free lease did not grant it".into()));
    };
    fixture.sleep(FORGOTTEN).await;
    let fence = leases.expect_granted(&other, "long after the lease expired").await?;
    expect_larger(first, fence, "of the lease holder long after an expired lease")?;
    Ok(())
}
