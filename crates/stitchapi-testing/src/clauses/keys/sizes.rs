//! Keys that are longer than the store's `max_key`.

use std::time::Duration;

use stitchapi_core::StoreErrorKind::TooLarge;
use stitchapi_core::StoreTime;

use crate::clauses::leases::lease_key::owners;
use crate::clauses::pacer::requests;
use crate::clauses::versioned::values::versions;
use crate::harness::{ClauseResult, Fixture, NotPassed, expect_error};

/// Longest key that the kit builds, in bytes.
const MAX_BUILT: usize = 1 << 20;

pub(crate) async fn too_long(fixture: Fixture) -> ClauseResult {
    let max_key = fixture.store().limits().max_key;
    if max_key >= MAX_BUILT {
        let why = "`StoreLimits::max_key` is larger than the longest key of the kit, 1 MiB";
        return Err(NotPassed::NotApplicable(why.into()));
    }
    let padding = max_key + 1 - fixture.key("x").rendered_len();
    let key = fixture.key("x".repeat(1 + padding));
    expect_error(fixture.store().get(&key).await, TooLarge, "get of a key one byte too long")?;
    let set = fixture.store().set(&key, "value".into(), Some(Fixture::HOUR)).await;
    expect_error(set, TooLarge, "set of a key one byte too long")?;
    expect_error(fixture.store().delete(&key).await, TooLarge, "delete of a key one byte too long")?;
    if let Ok(counter) = fixture.first.counter() {
        let incr = counter.incr(&key, Fixture::HOUR).await;
        expect_error(incr, TooLarge, "incr of a key one byte too long")?;
    }
    if let Ok(pacer) = fixture.first.pacer() {
        let request = requests::slow(&fixture).with_calls(1);
        let reply = pacer.reserve(&fixture.key("cell"), &request).await?;
        expect_error(pacer.reserve(&key, &request).await, TooLarge, "reserve of a key one byte too long")?;
        let tail = reply.tail(&request, 0);
        expect_error(pacer.refund(&key, &tail).await, TooLarge, "refund of a key one byte too long")?;
        let settle = pacer.settle(&key, &request.limits[0].id, 1).await;
        expect_error(settle, TooLarge, "settle of a key one byte too long")?;
        let hold = pacer.hold(&key, StoreTime(reply.now.0 + 1_000_000), Fixture::HOUR).await;
        expect_error(hold, TooLarge, "hold of a key one byte too long")?;
    }
    if let Ok(leases) = fixture.first.leases() {
        let [owner] = owners(&fixture);
        let acquire = leases.acquire(&key, 1, Fixture::HOUR, &owner, Duration::ZERO).await;
        expect_error(acquire, TooLarge, "acquire of a key one byte too long")?;
        let renew = leases.renew(&key, Fixture::HOUR, &owner).await;
        expect_error(renew, TooLarge, "renew of a key one byte too long")?;
        expect_error(leases.release(&key, &owner).await, TooLarge, "release of a key one byte too long")?;
    }
    if let Ok(versioned) = fixture.first.versioned() {
        let [new] = versions(&fixture);
        expect_error(versioned.read(&key).await, TooLarge, "read of a key one byte too long")?;
        let write = versioned.write_if(&key, None, &new, "value".into(), Some(Fixture::HOUR)).await;
        expect_error(write, TooLarge, "write_if of a key one byte too long")?;
    }
    Ok(())
}
