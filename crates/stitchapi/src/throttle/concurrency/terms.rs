//! What the places of a bucket are declared as.

use std::time::Duration;

use stitchapi_core::{Runtime, Tick};

use crate::outage::FleetSize;
use crate::outage::OutagePolicy;
use crate::throttle::pacing::{PROBE_EVERY, fleet_size};
use crate::throttle::settings::BucketSettings;

/// The places of a process that died are free again after this, or after four timeouts of a slower store. Renewed at each
/// third: a call that ends before the first is never renewed, two renewals may fail, and a process may be paused for six
/// seconds without losing anything.
const TTL: Duration = Duration::from_secs(10);
/// How often one who waits asks again: at first, and at most.
const POLL: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(25));
/// The same where a trip takes long.
const POLL_FAR: Duration = Duration::from_millis(100);
/// A store whose operations may take this is far.
const FAR: Duration = Duration::from_secs(1);

/// What the places of a bucket are declared as.
#[derive(Debug)]
pub(super) struct Terms {
    /// So many places there are.
    pub(super) limit: u32,
    /// So many of them are this process' own while the store is away.
    pub(super) share: u32,
    pub(super) policy: OutagePolicy,
    pub(super) fleet_size: u32,
    pub(super) known: FleetSize,
    /// The longest that an operation of the store takes.
    pub(super) timeout: Duration,
    pub(super) ttl: Duration,
    /// For how long a place in the store's queue is kept without asking again.
    pub(super) park: Duration,
}

impl Terms {
    pub(super) fn new(limit: u32, settings: &BucketSettings) -> Self {
        // Only a cell counts processes.
        let (fleet_size, known) = fleet_size(settings.fleet_size, None);
        let timeout = settings.timeout;
        Self {
            limit,
            share: (limit / fleet_size.max(1)).max(1),
            policy: settings.outage_policy,
            fleet_size,
            known,
            timeout,
            ttl: TTL.max(timeout * 4),
            // A store may wait for a release meanwhile, so its answer still comes in time.
            park: timeout / 2,
        }
    }

    /// The first pause before asking again.
    pub(super) fn first_poll(&self) -> Duration {
        if self.timeout < FAR { POLL.0 } else { POLL_FAR }
    }

    /// How soon to look again for an answer that is on its way.
    pub(super) fn glance(&self) -> Duration {
        self.first_poll() / 5
    }

    /// When to ask again after a pause of about `poll`, and the next pause.
    pub(super) fn ask_again(&self, poll: Duration, now: Tick, runtime: &dyn Runtime) -> (Tick, Duration) {
        let half = poll / 2;
        let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
        let pause = half + Duration::from_micros(runtime.random() % micros);
        let most = if self.timeout < FAR { POLL.1 } else { POLL_FAR };
        (now + pause, (poll * 2).min(most))
    }

    /// How long a fleet whose store is back keeps to its shares: until everybody has found it.
    pub(super) fn stay(&self) -> Duration {
        PROBE_EVERY + self.timeout
    }
}
