//! Plain values as long as the store's `max_value`, and longer.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::StoreError;
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

/// Number of attempts to transfer a large value.
const ATTEMPTS: usize = 20;
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs an operation on a large value until it does not time out.
///
/// On a busy machine such an operation may take longer than the driver waits. That does not count against the store.
pub(crate) async fn transfer<T, F>(fixture: &Fixture, mut operation: impl FnMut() -> F + Send) -> Result<T, NotPassed>
where
    F: Future<Output = Result<T, StoreError>> + Send,
{
    for _ in 0..ATTEMPTS {
        match operation().await {
            Err(error) if error.is_retryable() => fixture.sleep(PAUSE).await,
            result => return result.map_err(NotPassed::from),
        }
    }
    Err(NotPassed::too_slow())
}

pub(crate) async fn largest(fixture: Fixture) -> ClauseResult {
    let (largest, too_large) = largest_and_too_large(&fixture)?;
    let (full, fresh) = (fixture.key("full"), fixture.key("fresh"));
    transfer(&fixture, || fixture.put(&full, &largest)).await?;
    let found = transfer(&fixture, || fixture.second.store.get(&full)).await?;
    expect_same_bytes(found.as_ref(), &largest, "get after set")?;
    for key in [&full, &fresh] {
        let set = fixture.put(key, &too_large).await;
        expect_error(set, TooLarge, "set of a value one byte larger than `max_value`")?;
    }
    let found = transfer(&fixture, || fixture.store().get(&full)).await?;
    fixture.store().delete(&full).await?;
    expect_same_bytes(found.as_ref(), &largest, "get after a refused set")?;
    let found = fixture.store().get(&fresh).await?;
    expect_same_bytes(Some(&found.unwrap_or_default()), &Bytes::new(), "get after a refused set of an absent key")
}
