//! The settings that a caller makes for one call.

use std::time::Duration;

use http::HeaderMap;

use crate::principal::Principal;
use crate::throttle::Cost;

/// The settings of one call that replace those of its stitch or seam.
#[derive(Debug, Default)]
pub(crate) struct CallOverrides {
    /// Time limit of the whole call.
    pub(crate) deadline: Option<Duration>,
    /// Longest wait for a concurrency permit and for each slot.
    pub(crate) max_wait: Option<Duration>,
    /// Cost of the call.
    pub(crate) cost: Option<Cost>,
    /// Headers. They replace declared headers of the same name.
    pub(crate) headers: HeaderMap,
    /// The user for whom the call is made.
    pub(crate) principal: Option<Principal>,
}
