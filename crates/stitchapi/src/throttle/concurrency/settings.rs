//! Settings of a concurrency limit, and the inputs of an operation on its state.

use std::time::Duration;

use stitchapi_core::{Runtime, Tick};

use crate::outage::{FleetSize, OutagePolicy};
use crate::store::{PROBE_INTERVAL, PollInterval};
use crate::throttle::pacing::fleet_size;
use crate::throttle::settings::BucketSettings;

/// Shortest lifetime of a lease. On a store with a timeout above 2.5 s a lease lives for four timeouts.
///
/// A lease is renewed after each third of its lifetime, so that two renewals may fail, a process may be paused for six
/// seconds without losing its permits, and a short call needs no renewal at all.
const LEASE_TTL: Duration = Duration::from_secs(10);
/// Longest interval at which a process that waits for a lease asks the store again. On a slow store [`PollInterval`] uses a
/// longer one instead.
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Settings of a concurrency limit.
#[derive(Debug)]
pub(super) struct ConcurrencySettings {
    /// Number of permits: in the fleet if there is a store, else in this process.
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
    /// Time for which the store keeps a position in its queue without another request. A store may also delay its
    /// response for this time, until a lease is released. It is half of the timeout, so that the response arrives
    /// before the timeout.
    pub(super) queue_ttl: Duration,
}

impl ConcurrencySettings {
    pub(super) fn new(limit: u32, settings: &BucketSettings) -> Self {
        // Leases do not count the processes of the fleet: only the cell of a rate limit does.
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

    /// Returns the interval at which a process that waits for a lease asks the store again.
    pub(super) fn poll_interval(&self) -> PollInterval {
        PollInterval::new(self.timeout, MAX_POLL_INTERVAL)
    }

    /// Returns the interval at which a caller checks for the store's reply. It is used by a caller whose longest wait is over
    /// while its first request for a lease is still in flight.
    pub(super) fn response_check_interval(&self) -> Duration {
        self.poll_interval().min() / 5
    }

    /// Returns the time for which a process still uses only its outage share after the store has responded again. It is
    /// long enough for every process to have probed the store.
    pub(super) fn return_length(&self) -> Duration {
        PROBE_INTERVAL + self.timeout
    }
}

/// Inputs of an operation on the limit's state: the settings, the time, and random numbers.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) settings: &'a ConcurrencySettings,
    pub(super) now: Tick,
    /// Source of random owners and pauses.
    pub(super) runtime: &'a dyn Runtime,
}
