//! What a bucket is declared as.

use std::time::Duration;

use stitchapi_core::pace::Limit;

use super::cost::Units;
use super::outage::OutagePolicy;

/// What a bucket is declared as.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) limits: Vec<Limit>,
    /// One plain call.
    pub(super) plain: Units,
    pub(super) guard: Duration,
    pub(super) fresh_start: Duration,
    pub(super) max_hold: Duration,
    /// So many unstarted slots a process may hold.
    pub(super) most_held: usize,
    pub(super) policy: OutagePolicy,
    pub(super) fleet_size: Option<u32>,
    /// The longest that an operation of the store takes.
    pub(super) timeout: Duration,
}
