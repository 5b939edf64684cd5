//! Validation of a throttle for a store that can only count.

use stitchapi_core::pace::Limit;

use crate::error::Result;
use crate::throttle::declaration::{CALLS, config_error};

/// Accepts only one rate of calls without a burst, because a ticket is for one call at one time.
///
/// # Errors
///
/// [`ErrorKind::Config`](crate::ErrorKind::Config) for any other throttle on the store named `store`.
pub(in crate::throttle) fn validate(store: &str, limits: &[Limit]) -> Result<()> {
    if matches!(limits, [limit] if limit.burst == 1 && limit.id.unit() == CALLS) {
        return Ok(());
    }
    Err(config_error(format_args!(
        "the {store} store can only count, so a throttle on it is one rate of calls without a burst: declare that, combine \
         the store with one that has a pacer, SplitStore::new({store}, other), or give it a pacer with CellFacets"
    )))
}
