//! What a bucket is declared as.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::pace::Limit;

use super::units::Units;
use crate::outage::OutagePolicy;

/// What a bucket is declared as.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) limits: Vec<Limit>,
    /// One plain call.
    pub(super) plain: Units,
    /// Whether that draws on any limit.
    pub(super) plain_draws: bool,
    pub(super) guard: Duration,
    pub(super) fresh_start: Duration,
    pub(super) max_hold: Duration,
    /// So many unstarted slots a process may hold.
    pub(super) most_held: usize,
    /// So many calls a request to the store may be for.
    pub(super) most_asked: usize,
    /// So many requests to the store are under way at once: while one travels the next one is filled.
    pub(super) at_once: usize,
    pub(super) policy: OutagePolicy,
    pub(super) fleet_size: Option<u32>,
    /// The longest that an operation of the store takes.
    pub(super) timeout: Duration,
}

impl Settings {
    /// Whether these units are one plain call.
    pub(super) fn is_plain(&self, units: &Units) -> bool {
        Arc::ptr_eq(units, &self.plain)
    }

    /// Whether the limit at `index` is one of the shortest period.
    pub(super) fn paces(&self, index: usize) -> bool {
        let period = self.limits.get(index).map(|limit| limit.id.period());
        self.limits.iter().all(|limit| Some(limit.id.period()) >= period)
    }
}
