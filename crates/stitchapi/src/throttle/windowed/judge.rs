//! What a throttle may be on a store that can only count.

use stitchapi_core::pace::Limit;

use super::drawn::AT_ONCE;
use crate::throttle::Place;
use crate::throttle::declaration::CALLS;
use crate::throttle::settings::Settings;
use crate::{Error, Result};

/// So many additions to counters one request may make, one after the other.
const TRIES: u32 = 8;

/// One rate of calls, and no burst: a ticket is for one call at one time.
///
/// # Errors
///
/// [`ErrorKind::Config`](crate::ErrorKind::Config) for anything else.
pub(in crate::throttle) fn judge(place: &Place, limits: &[Limit]) -> Result<()> {
    if matches!(limits, [limit] if limit.burst == 1 && limit.id.unit() == CALLS) {
        return Ok(());
    }
    let store = place.name;
    Err(Error::config(format!(
        "the {store} store can only count, and there a throttle is one rate of calls without a burst: put a store that can \
         pace beside it (SplitStore::new({store}, other)), or give it a pacer (CellFacets)"
    )))
}

/// Every request is for one call, and several are under way at once.
pub(in crate::throttle) fn tune(settings: &mut Settings) {
    settings.max_calls_per_request = 1;
    settings.max_requests = AT_ONCE.into();
    settings.timeout *= TRIES;
}
