//! A store whose clock is set back, as an operator or NTP does to a server.
//!
//! The contract lets a driver pass on a server's raw wall clock. After that clock was set back everything waits and lives
//! longer by that much; nothing may be lost, granted twice or booked twice. These clauses run last: nothing sets the clock
//! ahead again.

use std::time::Duration;

use crate::clauses::leases::lease_key::{LeaseKey, owners};
use crate::clauses::leases::ttl::expect_larger;
use crate::clauses::pacer::requests;
use crate::clauses::versioned::values::{expect_stored, versions};
use crate::harness::{ClauseResult, Fixture, ensure};

/// By how much the clock is set back.
const BACK: Duration = Duration::from_secs(10);

pub(crate) async fn plain(fixture: Fixture) -> ClauseResult {
    let set_clock_back = fixture.options.get_set_clock_back()?;
    let key = fixture.key("value");
    fixture.put(&key, b"before").await?;
    set_clock_back(BACK).await;
    for (value, next) in [(&b"before"[..], &b"after"[..]), (b"after", b"last")] {
        let found = fixture.second.store.get(&key).await?;
        ensure!(found.as_deref() == Some(value), "after the clock was set back by {BACK:?}, get returned {found:?}");
        fixture.put(&key, next).await?;
    }
    Ok(())
}

pub(crate) async fn counter(fixture: Fixture) -> ClauseResult {
    let (counter, key) = (fixture.first.counter()?, fixture.key("count"));
    let set_clock_back = fixture.options.get_set_clock_back()?;
    counter.incr(&key, Fixture::HOUR).await?;
    set_clock_back(BACK).await;
    for expected in 2..=3 {
        let count = counter.incr(&key, Fixture::HOUR).await?;
        ensure!(count == expected, "after the clock was set back by {BACK:?}, incr number {expected} returned {count}");
    }
    Ok(())
}

pub(crate) async fn pacer(fixture: Fixture) -> ClauseResult {
    let (pacer, key) = (fixture.first.pacer()?, fixture.key("cell"));
    let set_clock_back = fixture.options.get_set_clock_back()?;
    let before = requests::slow(&fixture).with_calls(3);
    let snapshot = pacer.reserve(&key, &before).await?.snapshot(&before);
    set_clock_back(BACK).await;
    let after = requests::slow(&fixture).with_calls(1);
    let reply = fixture.second.pacer()?.reserve(&key, &after).await?;
    let (start, expected) = (reply.starts(&after).next(), snapshot.tats[0]);
    ensure!(
        start == Some(expected),
        "after the clock was set back by {BACK:?}, the call behind three bookings starts at {start:?}, expected {expected}"
    );
    Ok(())
}

pub(crate) async fn leases(fixture: Fixture) -> ClauseResult {
    let leases = LeaseKey::new(&fixture, "lease", 1)?;
    let set_clock_back = fixture.options.get_set_clock_back()?;
    let [holder, other] = owners(&fixture);
    let fence = leases.expect_granted(&holder, "of a free lease").await?;
    set_clock_back(BACK).await;
    leases.expect_busy(&other, "of a held lease after the clock was set back").await?;
    ensure!(leases.renew(&holder).await?, "renew after the clock was set back by {BACK:?} returned false");
    leases.release(&holder).await?;
    let next = leases.expect_granted(&other, "of a released lease after the clock was set back").await?;
    expect_larger(fence, next, "of the next lease holder after the clock was set back")?;
    Ok(())
}

pub(crate) async fn versioned(fixture: Fixture) -> ClauseResult {
    let (versioned, key) = (fixture.first.versioned()?, fixture.key("value"));
    let set_clock_back = fixture.options.get_set_clock_back()?;
    let [one, two] = versions(&fixture);
    versioned.write_if(&key, None, &one, "one".into(), Some(Fixture::HOUR)).await?;
    set_clock_back(BACK).await;
    expect_stored(&fixture, &key, Some(("one", &one)), "the clock was set back").await?;
    let is_written = versioned.write_if(&key, Some(&one), &two, "two".into(), Some(Fixture::HOUR)).await?;
    ensure!(is_written, "write_if over the stored version after the clock was set back returned false");
    expect_stored(&fixture, &key, Some(("two", &two)), "a write after the clock was set back").await
}
