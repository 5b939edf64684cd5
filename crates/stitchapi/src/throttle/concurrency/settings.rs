//! Settings of a concurrency limit, and the inputs of one step.

use std::time::Duration;

use stitchapi_core::{Runtime, Tick};

use crate::outage::{FleetSize, OutagePolicy};
use crate::store::{PROBE_INTERVAL, PollInterval};
use crate::throttle::pacing::fleet_size;
use crate::throttle::settings::BucketSettings;

/// Lifetime of a lease, on a store with a timeout of at most a quarter of it; four timeouts on a slower store.
///
/// A lease is renewed after each third of its lifetime, so that two renewals may fail, a process may be paused for six
/// seconds without losing its permits, and a short call needs no renewal at all.
const LEASE_TTL: Duration = Duration::from_secs(10);
/// Longest interval at which a waiter asks the store again.
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Settings of a concurrency limit.
#[derive(Debug)]
pub(super) struct ConcurrencySettings {
    /// Number of permits, of the fleet if there is a store.
    pub(super) limit: u32,
    /// Number of permits of this process during an outage.
    pub(super) outage_share: u32,
    pub(super) outage_policy: OutagePolicy,
    /// Number of processes by which the limit is divided.
    pub(super) fleet_size: u32,
    /// Source of the fleet size: configured, counted or assumed.
    pub(super) fleet_size_source: FleetSize,
    /// Upper bound of an operation of the store.
    pub(super) timeout: Duration,
    pub(super) lease_ttl: Duration,
    /// Time for which the store keeps a place in its queue without another request. It is half of the timeout, because a store
    /// may delay its response until a lease is released, and the response must arrive before the timeout.
    pub(super) queue_ttl: Duration,
}

impl ConcurrencySettings {
    pub(super) fn new(limit: u32, settings: &BucketSettings) -> Self {
        // Only a cell counts processes.
        let (fleet_size, fleet_size_source) = fleet_size(settings.fleet_size, None);
        let timeout = settings.timeout;
        Self {
            limit,
            outage_share: (limit / fleet_size.max(1)).max(1),
            outage_policy: settings.outage_policy,
            fleet_size,
            fleet_size_source,
            timeout,
            lease_ttl: LEASE_TTL.max(timeout * 4),
            queue_ttl: timeout / 2,
        }
    }

    /// Returns the interval at which a waiter asks the store again.
    pub(super) fn poll_interval(&self) -> PollInterval {
        PollInterval::new(self.timeout, MAX_POLL_INTERVAL)
    }

    /// Returns how often a caller checks for a response that is in flight.
    pub(super) fn response_check_interval(&self) -> Duration {
        self.poll_interval().min() / 5
    }

    /// Returns the time for which a process keeps to its outage share after the store has responded again. After that time
    /// every process has probed the store.
    pub(super) fn return_length(&self) -> Duration {
        PROBE_INTERVAL + self.timeout
    }
}

/// What a step of the limit's state takes from outside: the settings, the time, random numbers.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) settings: &'a ConcurrencySettings,
    pub(super) now: Tick,
    /// Source of random owners and pauses.
    pub(super) runtime: &'a dyn Runtime,
}
