//! Stores whose updates starve under contention.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::pace::{Reservation, ReserveRequest};
use stitchapi_core::{Counter as _, Key, Lease, Leases as _, Pacer as _, StitchStore as _, StoreError, async_trait};

use crate::harness::{AcquireArgs, AfterLostRaces, Defect, Optimistic, SoundClient};

const CONTENDED: &[&str] = &["plain/contended", "counter/contended", "pacer/contended", "leases/contended"];

/// Every update is a compare-and-set, with these retries.
macro_rules! optimistic {
    ($(#[$doc:meta])* $name:ident, $after:expr, $breaks:expr) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(crate) struct $name(Arc<AtomicBool>);
        impl $name {
            fn store(&self, sound: &SoundClient) -> Arc<Optimistic> {
                Optimistic::new(sound, $after, &self.0)
            }
        }
        #[async_trait]
        impl Defect for $name {
            const BREAKS: &'static [&'static str] = $breaks;
            async fn set(
                &self,
                sound: &SoundClient,
                key: &Key,
                value: Bytes,
                ttl: Option<Duration>,
            ) -> Result<(), StoreError> {
                self.store(sound).set(key, value, ttl).await
            }
            async fn incr(&self, sound: &SoundClient, key: &Key, ttl: Duration) -> Result<u64, StoreError> {
                self.store(sound).facets().incr(key, ttl).await
            }
            async fn reserve(
                &self,
                sound: &SoundClient,
                key: &Key,
                request: ReserveRequest,
            ) -> Result<Reservation, StoreError> {
                self.store(sound).facets().reserve(key, &request).await
            }
            async fn acquire(&self, sound: &SoundClient, key: &Key, args: AcquireArgs) -> Result<Lease, StoreError> {
                let leases = self.store(sound).facets();
                leases.acquire(key, args.limit, args.ttl, &args.owner, args.queue_ttl).await
            }
        }
    };
}

optimistic! {
    /// Enough retries for 64 callers at once, and not for an update that others overtake again and again.
    FailsAfter100LostRaces, AfterLostRaces::Fail(100), CONTENDED
}
optimistic! {
    RetriesForever, AfterLostRaces::Fail(usize::MAX), CONTENDED
}
optimistic! {
    /// Correct: an update that keeps losing becomes one that cannot lose.
    TakesALockAfter8LostRaces, AfterLostRaces::Lock(8), &[]
}
