//! Versioned values as long as the store's `max_value`, and longer.
//!
//! `max_value` is the length of the value that the caller passes. The version, and whatever the driver stores around the
//! value, are not counted.

use stitchapi_core::StoreErrorKind::TooLarge;

use super::values::versions;
use crate::clauses::plain::sizes::{largest_and_too_large, transfer};
use crate::clauses::plain::values::expect_same_bytes;
use crate::harness::{ClauseResult, Fixture, ensure, expect_error};

pub(crate) async fn largest(fixture: Fixture) -> ClauseResult {
    let (versioned, key, ttl) = (fixture.first.versioned()?, fixture.key("value"), Some(Fixture::HOUR));
    let (largest, too_large) = largest_and_too_large(&fixture)?;
    let [one, two] = versions(&fixture);
    let is_written = transfer(&fixture, || versioned.write_if(&key, None, &one, largest.clone(), ttl)).await?;
    ensure!(is_written, "write_if of `max_value` bytes returned false");
    let write = versioned.write_if(&key, Some(&one), &two, too_large, ttl).await;
    expect_error(write, TooLarge, "write_if of a value one byte larger than `max_value`")?;
    let second = fixture.second.versioned()?;
    let found = transfer(&fixture, || second.read(&key)).await?;
    fixture.store().delete(&key).await?;
    let version = found.as_ref().map(|(_, version)| *version);
    ensure!(version == Some(one), "read after a refused write_if returned the version {version:?}, expected {one}");
    expect_same_bytes(found.as_ref().map(|(value, _)| value), &largest, "read after write_if")
}
