//! Checks of arguments, for drivers. An operation checks its arguments before it calls the backend.

use std::time::Duration;

use crate::{Key, StitchStore, StoreError, StoreErrorKind};

/// Refuses a ttl of zero. `set`, `incr`, `acquire`, `renew` and `write_if` make this check first.
///
/// ```
/// use std::time::Duration;
///
/// use stitchapi_core::check_ttl;
///
/// assert!(check_ttl(Duration::from_secs(1), "mine", "incr").is_ok());
/// assert!(check_ttl(None, "mine", "set").is_ok());
/// assert!(check_ttl(Duration::ZERO, "mine", "set").is_err());
/// ```
///
/// # Errors
///
/// [`InvalidConfig`](StoreErrorKind::InvalidConfig) if `ttl` is zero.
pub fn check_ttl(
    ttl: impl Into<Option<Duration>>,
    store: &'static str,
    operation: &'static str,
) -> Result<(), StoreError> {
    match ttl.into() {
        Some(Duration::ZERO) => Err(StoreError::new(StoreErrorKind::InvalidConfig, store, operation)
            .with_reason("the ttl is zero; expected a positive duration")),
        _ => Ok(()),
    }
}

/// Refuses a limit of zero leases under one key. `acquire` makes this check first.
///
/// ```
/// assert!(stitchapi_core::check_limit(0, "mine", "acquire").is_err());
/// ```
///
/// # Errors
///
/// [`InvalidConfig`](StoreErrorKind::InvalidConfig) if `limit` is zero.
pub fn check_limit(limit: u32, store: &'static str, operation: &'static str) -> Result<(), StoreError> {
    if limit == 0 {
        return Err(StoreError::new(StoreErrorKind::InvalidConfig, store, operation)
            .with_reason("the limit is zero; expected at least one lease"));
    }
    Ok(())
}

/// Refuses a key longer than the store's [`max_key`](crate::StoreLimits::max_key). Every operation checks its key.
///
/// ```
/// use stitchapi_core::{Key, MemoryStore, check_key};
///
/// assert!(check_key(&Key::new("session"), &MemoryStore::new(), "get").is_ok());
/// ```
///
/// # Errors
///
/// [`TooLarge`](StoreErrorKind::TooLarge) if the key is too long.
pub fn check_key<S: StitchStore + ?Sized>(key: &Key, store: &S, operation: &'static str) -> Result<(), StoreError> {
    if key.rendered_len() > store.limits().max_key {
        return Err(StoreError::new(StoreErrorKind::TooLarge, store.name(), operation)
            .with_reason("the key is longer than the store's max_key"));
    }
    Ok(())
}

/// Refuses a value that is longer than the store's [`max_value`](crate::StoreLimits::max_value). `set` and `write_if`
/// make this check.
///
/// ```
/// use stitchapi_core::{MemoryStore, check_value};
///
/// assert!(check_value(b"hello", &MemoryStore::new(), "set").is_ok());
/// ```
///
/// # Errors
///
/// [`TooLarge`](StoreErrorKind::TooLarge) if the value is too long.
pub fn check_value<S: StitchStore + ?Sized>(
    value: &[u8],
    store: &S,
    operation: &'static str,
) -> Result<(), StoreError> {
    if value.len() > store.limits().max_value {
        return Err(StoreError::new(StoreErrorKind::TooLarge, store.name(), operation)
            .with_reason("the value is longer than the store's max_value"));
    }
    Ok(())
}
