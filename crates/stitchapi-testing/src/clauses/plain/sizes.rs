//! Plain values as long as the store's `max_value`, and longer.

use bytes::Bytes;
use stitchapi_core::StoreErrorKind::TooLarge;

use super::values::expect_same_bytes;
use crate::harness::{ClauseResult, Fixture, NotPassed, expect_error};

/// Longest value that the kit writes, in bytes.
const MAX_WRITTEN: usize = 64 << 20;

/// Returns a value of exactly `max_value` bytes and one that is a byte longer, or ends the clause as not applicable.
pub(crate) fn largest_and_too_large(fixture: &Fixture) -> Result<(Bytes, Bytes), NotPassed> {
    let max_value = fixture.store().limits().max_value;
    if max_value >= MAX_WRITTEN {
        let why = "`StoreLimits::max_value` is larger than the largest value of the kit, 64 MiB";
        return Err(NotPassed::NotApplicable(why.into()));
    }
    let too_large: Bytes = (0..=250).cycle().take(max_value + 1).collect();
    Ok((too_large.slice(..max_value), too_large))
}

pub(crate) async fn largest(fixture: Fixture) -> ClauseResult {
    let (largest, too_large) = largest_and_too_large(&fixture)?;
    let (full, fresh) = (fixture.key("full"), fixture.key("fresh"));
    fixture.put(&full, &largest).await?;
    expect_same_bytes(fixture.second.store.get(&full).await?.as_ref(), &largest, "get after set")?;
    for key in [&full, &fresh] {
        let set = fixture.put(key, &too_large).await;
        expect_error(set, TooLarge, "set of a value one byte larger than `max_value`")?;
    }
    let found = fixture.store().get(&full).await?;
    fixture.store().delete(&full).await?;
    expect_same_bytes(found.as_ref(), &largest, "get after a refused set")?;
    let found = fixture.store().get(&fresh).await?;
    expect_same_bytes(Some(&found.unwrap_or_default()), &Bytes::new(), "get after a refused set of an absent key")
}
