//! The queue for a lease.
//!
//! A store may wait for a release for up to the queue ttl, or reply at once. So each clause gives the longest queue ttl
//! to the owner that queues first: it is still queued when the others have received their replies.

use std::time::Duration;

use futures_util::future::{Either, select};
use stitchapi_core::Owner;

use super::lease_key::{LeaseKey, Waiter, fence, owners};
use crate::harness::{ClauseResult, Expiry, Fixture, NotPassed, ensure};

/// Parks of the owners that queue first, second, third and last.
const QUEUE_TTLS: [Duration; 4] =
    [Duration::from_millis(1_000), Duration::from_millis(800), Duration::from_millis(400), Duration::from_millis(100)];
/// Maximum wait for a reply that is due.
const DUE: Duration = Duration::from_secs(2);

pub(crate) async fn order(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder, first, second] = owners(&fixture);
    leases.expect_granted(&holder, "of a free lease").await?;
    let first_waiter = leases.enqueue(&fixture, &first, QUEUE_TTLS[0]).await?;
    let second_waiter = leases.enqueue(&fixture, &second, QUEUE_TTLS[2]).await?;
    leases.release(&holder).await?;
    expect_order(&fixture, &leases, [(&first, first_waiter), (&second, second_waiter)]).await
}

pub(crate) async fn keeps_its_turn(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder, first, second] = owners(&fixture);
    leases.expect_granted(&holder, "of a free lease").await?;
    let before = leases.enqueue(&fixture, &first, QUEUE_TTLS[0]).await?;
    let second_waiter = leases.enqueue(&fixture, &second, QUEUE_TTLS[1]).await?;
    before.require_queued(&fixture)?;
    let first_waiter = leases.enqueue(&fixture, &first, QUEUE_TTLS[2]).await?;
    leases.release(&holder).await?;
    expect_order(&fixture, &leases, [(&first, first_waiter), (&second, second_waiter)]).await
}

/// Checks that a free lease is granted to the first waiter before the second, and then to the second.
async fn expect_order(fixture: &Fixture, leases: &LeaseKey, [first, second]: [(&Owner, Waiter); 2]) -> ClauseResult {
    let queue_ttl = fixture.options.scaled(QUEUE_TTLS[3]);
    let overtaking = leases.second.acquire(&leases.key, 1, Fixture::HOUR, second.0, queue_ttl).await?;
    first.1.require_queued(fixture)?;
    second.1.require_queued(fixture)?;
    ensure!(fence(overtaking).is_none(), "a free lease was granted to the second waiter before the first");
    let granted = leases.try_acquire(first.0).await?;
    first.1.require_queued(fixture)?;
    ensure!(granted.is_some(), "a free lease was not granted to the first waiter");
    leases.release(first.0).await?;
    let granted = leases.try_acquire(second.0).await?;
    second.1.require_queued(fixture)?;
    ensure!(granted.is_some(), "a free lease was not granted to the only waiter");
    Ok(())
}

pub(crate) async fn no_overtaking(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder, first, newcomer] = owners(&fixture);
    leases.expect_granted(&holder, "of a free lease").await?;
    let waiter = leases.enqueue(&fixture, &first, QUEUE_TTLS[2]).await?;
    leases.release(&holder).await?;
    let overtaking = leases.try_acquire(&newcomer).await?;
    let granted = leases.try_acquire(&first).await?;
    waiter.require_queued(&fixture)?;
    ensure!(overtaking.is_none(), "a lease with a waiter was granted to an owner that had not queued");
    ensure!(granted.is_some(), "a free lease was not granted to the only waiter");
    Ok(())
}

pub(crate) async fn more_leases_than_waiters(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 2)?;
    let [one, other, first, newcomer, last] = owners(&fixture);
    for holder in [&one, &other] {
        leases.expect_granted(holder, "within the limit").await?;
    }
    let waiter = leases.enqueue(&fixture, &first, QUEUE_TTLS[2]).await?;
    for holder in [&one, &other] {
        leases.release(holder).await?;
    }
    let granted = leases.try_acquire(&newcomer).await?;
    let overtaking = leases.try_acquire(&last).await?;
    waiter.require_queued(&fixture)?;
    ensure!(
        granted.is_some(),
        "with two free leases and one waiter, the second lease was not granted to another owner"
    );
    ensure!(overtaking.is_none(), "a lease with a waiter was granted to an owner that had not queued");
    Ok(())
}

pub(crate) async fn turn_ends_with_queue_ttl(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder, leaving, next] = owners(&fixture);
    leases.expect_granted(&holder, "of a free lease").await?;
    let queue_ttl = fixture.short_ttl();
    let acquire = leases.first.acquire(&leases.key, 1, Fixture::HOUR, &leaving, queue_ttl);
    let lifetime = fixture.time_write(queue_ttl, acquire).await?;
    leases.release(&holder).await?;
    let expiry = fixture.watch_expiry(lifetime, || async { Ok(leases.try_acquire(&next).await?.is_none()) }).await?;
    ensure!(
        expiry == Expiry::InTime,
        "the turn of an owner that queued once with a queue ttl of {queue_ttl:?} expired {expiry:?}"
    );
    Ok(())
}

pub(crate) async fn queue_ttl_of_zero(fixture: Fixture) -> ClauseResult {
    let [holder, passing, leaving, next] = owners(&fixture);
    let leases = LeaseKey::new(&fixture, "passing", 1)?;
    leases.expect_granted(&holder, "of a free lease").await?;
    leases.expect_busy(&passing, "while one of one lease was held").await?;
    leases.release(&holder).await?;
    leases.expect_granted(&next, "after an acquire with a queue ttl of zero by another owner").await?;

    let leases = LeaseKey::new(&fixture, "leaving", 1)?;
    leases.expect_granted(&holder, "of a free lease").await?;
    let _ = leases.enqueue(&fixture, &leaving, QUEUE_TTLS[2]).await?;
    leases.expect_busy(&leaving, "while one of one lease was held").await?;
    leases.release(&holder).await?;
    leases.expect_granted(&next, "after the only waiter left the queue with a queue ttl of zero").await?;
    Ok(())
}

pub(crate) async fn release_leaves(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder, leaving, next] = owners(&fixture);
    let fence = leases.expect_granted(&holder, "of a free lease").await?;
    let _ = leases.enqueue(&fixture, &leaving, QUEUE_TTLS[2]).await?;
    leases.release(&leaving).await?;
    let again = leases.try_acquire(&holder).await?;
    ensure!(
        again == Some(fence),
        "after the release of a waiter, acquire by the holder of fence {fence} returned {again:?}"
    );
    leases.release(&holder).await?;
    leases.expect_granted(&next, "after the release of the only waiter").await?;
    Ok(())
}

pub(crate) async fn waiter_holds_nothing(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder, waiting, other] = owners(&fixture);
    leases.expect_granted(&holder, "of a free lease").await?;
    let _ = leases.enqueue(&fixture, &waiting, QUEUE_TTLS[2]).await?;
    ensure!(!leases.renew(&waiting).await?, "renew by a waiter returned true");
    leases.release(&waiting).await?;
    leases.expect_busy(&other, "while one of one lease was held").await?;
    Ok(())
}

pub(crate) async fn replies_within_queue_ttl(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder, waiting] = owners(&fixture);
    leases.expect_granted(&holder, "of a free lease").await?;
    let queue_ttl = fixture.short_ttl();
    let acquire = leases.second.acquire(&leases.key, 1, Fixture::HOUR, &waiting, queue_ttl);
    match select(acquire, Box::pin(fixture.sleep(Duration::from_millis(150) + DUE))).await {
        Either::Left((lease, _)) => {
            ensure!(fence(lease?).is_none(), "acquire while one of one lease was held granted a lease");
            Ok(())
        }
        Either::Right(_) => Err(NotPassed::Violated(format!(
            "acquire with a queue ttl of {queue_ttl:?} had no reply {:?} after the queue ttl",
            fixture.options.scaled(DUE)
        ))),
    }
}

pub(crate) async fn granted_after_release(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let [holder, waiting] = owners(&fixture);
    leases.expect_granted(&holder, "of a free lease").await?;
    let (begun, held_for) = (fixture.runtime().now(), Duration::from_millis(50));
    let wait = async {
        let queue_ttl = fixture.short_ttl();
        while fence(leases.second.acquire(&leases.key, 1, Fixture::HOUR, &waiting, queue_ttl).await?).is_none() {
            fixture.sleep(Duration::from_millis(10)).await;
        }
        Ok::<_, NotPassed>(())
    };
    let release = async {
        fixture.sleep(held_for).await;
        leases.first.release(&leases.key, &holder).await?;
        fixture.sleep(DUE).await;
        Ok::<_, NotPassed>(())
    };
    match select(Box::pin(wait), Box::pin(release)).await {
        Either::Left((waited, _)) => {
            let is_too_early = fixture.runtime().now() < begun + fixture.options.scaled(held_for);
            ensure!(waited.is_err() || !is_too_early, "a waiter was granted the lease before its release");
            waited
        }
        Either::Right((released, _)) => released.and(Err(NotPassed::Violated(format!(
            "a waiter that kept queueing was not granted the lease within {:?} of its release",
            fixture.options.scaled(DUE)
        )))),
    }
}
