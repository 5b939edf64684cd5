//! Acquiring, holding and releasing leases, without their ttl and without the queue.

use std::time::Duration;

use futures_util::FutureExt;
use stitchapi_core::{Lease, StoreErrorKind};

use super::lease_key::{LeaseKey, fence, owners};
use crate::harness::{ClauseResult, Fixture, NotPassed, ensure, expect_error};

pub(crate) async fn granted_if_free(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 2)?;
    let [one, other] = owners(&fixture);
    leases.expect_granted(&one, "of the first of two leases").await?;
    leases.expect_granted(&other, "of the second of two leases").await?;
    Ok(())
}

pub(crate) async fn limit(fixture: Fixture) -> ClauseResult {
    let [one, two, three, other] = owners(&fixture);
    for (name, holders) in [("one", &[one][..]), ("three", &[one, two, three])] {
        let limit = u32::try_from(holders.len()).unwrap_or_default();
        let leases = LeaseKey::new(&fixture, name, limit)?;
        for holder in holders {
            leases.expect_granted(holder, "within the limit").await?;
        }
        leases.expect_busy(&other, &format!("while {limit} of {limit} leases were held")).await?;
        let is_busy = leases.try_acquire(&other).await?.is_none();
        ensure!(is_busy, "acquire while {limit} of {limit} leases were held granted a lease");
    }
    Ok(())
}

pub(crate) async fn concurrent(fixture: Fixture) -> ClauseResult {
    for limit in [1, 3] {
        let leases = LeaseKey::new(&fixture, &limit.to_string(), limit)?;
        let acquires = owners::<10>(&fixture).into_iter().enumerate().map(|(caller, owner)| {
            let client = if caller % 2 == 0 { leases.first.clone() } else { leases.second.clone() };
            let key = leases.key.clone();
            async move { client.acquire(&key, limit, Fixture::HOUR, &owner, Duration::ZERO).await }
        });
        let replies: Result<Vec<_>, _> = fixture.run_concurrently(acquires).await?.into_iter().collect();
        let mut fences: Vec<_> = replies?.into_iter().filter_map(fence).collect();
        let held = fences.len();
        ensure!(held == limit as usize, "ten owners at once were granted {held} leases, the limit is {limit}");
        fences.sort_unstable();
        fences.dedup();
        ensure!(fences.len() == held, "{held} lease holders at the same time have the fences {fences:?}");
    }
    Ok(())
}

pub(crate) async fn keys_apart(fixture: Fixture) -> ClauseResult {
    let [one, other] = owners(&fixture);
    let (here, there) = (LeaseKey::new(&fixture, "here", 1)?, LeaseKey::new(&fixture, "there", 1)?);
    here.expect_granted(&one, "under the first key").await?;
    there.expect_granted(&other, "under the second key").await?;
    there.release(&other).await?;
    here.expect_busy(&other, "under the first key after a release under the second key").await?;
    there.expect_granted(&one, "under the second key by the lease holder of the first").await?;
    Ok(())
}

pub(crate) async fn same_owner(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 2)?;
    let [one, other, last] = owners(&fixture);
    let first = leases.expect_granted(&one, "of the first of two leases").await?;
    for _ in 0..2 {
        let again = leases.expect_granted(&one, "by its lease holder").await?;
        ensure!(again == first, "acquire by the lease holder of fence {first} returned the fence {again}");
    }
    leases.expect_granted(&other, "of the second of two leases, after the first owner acquired three times").await?;
    leases.expect_busy(&last, "while two owners held two leases").await?;
    let again = leases.expect_granted(&one, "by its lease holder, while all leases were held").await?;
    ensure!(again == first, "acquire by the lease holder of fence {first} returned the fence {again}");
    Ok(())
}

pub(crate) async fn release(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [one, other] = owners(&fixture);
    leases.expect_granted(&one, "of a free lease").await?;
    leases.release(&one).await?;
    leases.expect_granted(&other, "after a release").await?;
    leases.expect_busy(&one, "by the owner that had released the lease").await?;
    Ok(())
}

pub(crate) async fn non_holder(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder, stranger, last] = owners(&fixture);
    ensure!(!leases.renew(&stranger).await?, "renew of a lease that no owner holds returned true");
    leases.release(&stranger).await?;
    let fence = leases.expect_granted(&holder, "after a renew and a release of an owner without a lease").await?;
    ensure!(!leases.renew(&stranger).await?, "renew by an owner without a lease returned true");
    leases.release(&stranger).await?;
    leases.expect_busy(&last, "after the release of an owner without a lease").await?;
    let again = leases.try_acquire(&holder).await?;
    ensure!(
        again == Some(fence),
        "after the release of an owner without a lease, acquire by the holder of fence {fence} returned {again:?}"
    );
    ensure!(
        leases.renew(&holder).await?,
        "after the release of an owner without a lease, renew by the lease holder returned false"
    );
    Ok(())
}

pub(crate) async fn renew_released(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [one, other] = owners(&fixture);
    leases.expect_granted(&one, "of a free lease").await?;
    leases.release(&one).await?;
    ensure!(!leases.renew(&one).await?, "renew of a released lease returned true");
    leases.expect_granted(&other, "after the renew of a released lease").await?;
    Ok(())
}

pub(crate) async fn repeated(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [one, other, last] = owners(&fixture);
    leases.expect_granted(&one, "of a free lease").await?;
    for _ in 0..2 {
        ensure!(leases.renew(&one).await?, "renew by a lease holder returned false");
    }
    for _ in 0..2 {
        leases.release(&one).await?;
    }
    let fence = leases.expect_granted(&other, "after a repeated release").await?;
    leases.release(&one).await?;
    leases.expect_busy(&last, "after the repeated release of an earlier lease holder").await?;
    let again = leases.try_acquire(&other).await?;
    ensure!(
        again == Some(fence),
        "after a repeated release, acquire by the holder of fence {fence} returned {again:?}"
    );
    Ok(())
}

pub(crate) async fn ttl_zero(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [one, other] = owners(&fixture);
    let (client, key, zero) = (&leases.first, &leases.key, Duration::ZERO);
    let operation = "acquire with a ttl of zero";
    expect_error(client.acquire(key, 1, zero, &other, zero).await, StoreErrorKind::InvalidConfig, operation)?;
    let fence = leases.expect_granted(&one, "after a refused acquire").await?;
    expect_error(client.acquire(key, 1, zero, &one, zero).await, StoreErrorKind::InvalidConfig, operation)?;
    expect_error(client.renew(key, zero, &one).await, StoreErrorKind::InvalidConfig, "renew with a ttl of zero")?;
    leases.expect_busy(&other, "after a refused acquire and a refused renew").await?;
    let again = leases.try_acquire(&one).await?;
    ensure!(
        again == Some(fence),
        "after refused operations, acquire by the holder of fence {fence} returned {again:?}"
    );
    Ok(())
}

pub(crate) async fn limit_zero(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [one, other] = owners(&fixture);
    let acquire = |owner| leases.first.acquire(&leases.key, 0, Fixture::HOUR, owner, Duration::ZERO);
    let operation = "acquire with a limit of zero";
    expect_error(acquire(&other).await, StoreErrorKind::InvalidConfig, operation)?;
    let fence = leases.expect_granted(&one, "after a refused acquire").await?;
    expect_error(acquire(&one).await, StoreErrorKind::InvalidConfig, operation)?;
    leases.expect_busy(&other, "after a refused acquire").await?;
    let again = leases.try_acquire(&one).await?;
    ensure!(
        again == Some(fence),
        "after refused operations, acquire by the holder of fence {fence} returned {again:?}"
    );
    Ok(())
}

pub(crate) async fn retry_after(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [one, other] = owners(&fixture);
    let ttl = Duration::from_secs(600);
    leases.try_acquire_for(ttl, &one).await?;
    let acquired = fixture.runtime().now();
    for client in [&leases.first, &leases.second] {
        fixture.sleep(Duration::from_millis(30)).await;
        let sent = fixture.runtime().now();
        let lease = client.acquire(&leases.key, 1, Fixture::HOUR, &other, Duration::ZERO).await?;
        let Lease::Busy { retry_after } = lease else {
            return Err(NotPassed::Violated("acquire while one of one lease was held granted a lease".into()));
        };
        let longest = ttl - sent.since(acquired) + fixture.options.scaled(Duration::from_millis(20));
        ensure!(
            !retry_after.is_zero() && retry_after <= longest,
            "{:?} into a ttl of {ttl:?}, acquire by another owner returned a retry_after of {retry_after:?}",
            sent.since(acquired)
        );
    }
    Ok(())
}

pub(crate) async fn delete(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [one, other] = owners(&fixture);
    leases.expect_granted(&one, "of a free lease").await?;
    fixture.store().delete(&leases.key).await?;
    ensure!(!leases.renew(&one).await?, "renew after delete returned true");
    leases.expect_granted(&other, "after delete").await?;
    Ok(())
}

pub(crate) async fn dropped(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [one, other] = owners(&fixture);
    for _ in 0..4 {
        // `now_or_never` polls the operation once and drops it.
        drop(leases.try_acquire(&one).now_or_never());
        drop(leases.renew(&one).now_or_never());
        // In this order: the dropped acquire may still be under way, on another connection than the renew.
        let granted = leases.try_acquire(&other).await?;
        let is_held = leases.renew(&one).await?;
        ensure!(
            is_held != granted.is_some(),
            "after a dropped acquire its owner and another one both hold the lease, or neither can"
        );
        drop(leases.release(&one).now_or_never());
        leases.release(&one).await?;
        leases.release(&other).await?;
    }
    leases.expect_granted(&other, "after dropped operations").await?;
    Ok(())
}
