//! One lease of the store, from the first request for it to its release.
//!
//! A [`LeaseGuard`] is created for the key of a lease. It acquires and renews the lease, and remembers until when this
//! process holds it. Single flight acquires a lease for its leader, and the circuit for its probe. It uses the
//! operations of [`Client`]; their contract is that of [`Leases`](stitchapi_core::Leases).

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use stitchapi_core::{Key, Lease, Owner, StoreError, Tick};

use super::Client;
use crate::trace::Trace;

/// Shortest lifetime of a lease. On a store with a timeout above a quarter of it, the lifetime is four timeouts, so
/// that an acquire, a read and a renewal together take less than the lifetime.
const MIN_TTL: Duration = Duration::from_secs(1);

/// A lease with one holder, or a place in its queue.
///
/// * The lease expires after 1 s, or after four timeouts of the store if these are longer, unless it is renewed.
/// * When the guard is dropped, a background task releases the lease or the place in the queue.
#[derive(Debug)]
pub(crate) struct LeaseGuard {
    store: Arc<Client>,
    trace: Trace,
    key: Key,
    owner: Owner,
    ttl: Duration,
    /// End of the lease in microseconds of the runtime's clock; 0 while the lease is not known to be held.
    valid_until: AtomicU64,
    /// Whether the store may have a lease or a place in the queue for `owner`.
    needs_release: AtomicBool,
}

/// Reply to a request for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acquired {
    /// This guard holds the lease.
    Held,
    /// Another owner holds the lease, which expires after `retry_after` if that owner does not renew it.
    Busy { retry_after: Duration },
}

impl LeaseGuard {
    /// Creates a guard for the lease under `key`, with a random owner. It does not request the lease yet.
    pub(crate) fn new(store: Arc<Client>, trace: Trace, key: Key) -> Self {
        let (owner, ttl) = (Owner::random(&**store.runtime()), MIN_TTL.max(store.timeout() * 4));
        let (valid_until, needs_release) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { store, trace, key, owner, ttl, valid_until, needs_release }
    }

    /// Returns the lifetime of the lease, counted from its last renewal.
    pub(crate) fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Acquires the lease, or extends it if this guard holds it already. If another owner holds it, takes a place in
    /// its queue for `queue_ttl`.
    ///
    /// If the future is dropped while it waits for the store, the lease may have been acquired; the guard releases it
    /// when it is dropped.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the operation. A lease that was held before is still held until it expires.
    pub(crate) async fn acquire(&self, queue_ttl: Duration) -> Result<Acquired, StoreError> {
        self.needs_release.store(true, Ordering::Relaxed);
        let valid_until = self.now() + self.ttl;
        match self.store.acquire(&self.key, 1, self.ttl, &self.owner, queue_ttl, &self.trace).await? {
            Lease::Held { .. } => {
                self.set_valid_until(valid_until);
                Ok(Acquired::Held)
            }
            Lease::Busy { retry_after } => {
                self.set_valid_until(Tick(0));
                // With a queue ttl of zero the owner is not in the queue.
                self.needs_release.store(!queue_ttl.is_zero(), Ordering::Relaxed);
                Ok(Acquired::Busy { retry_after })
            }
        }
    }

    /// Returns `true` if the lease is held for certain. Its lifetime is counted from the sending of the last renewal,
    /// so that it ends here before it ends in the store.
    pub(crate) fn is_held(&self) -> bool {
        !self.time_left().is_zero()
    }

    /// Returns `true` if more than two thirds of the lifetime are left.
    pub(crate) fn is_fresh(&self) -> bool {
        self.time_left() > self.ttl * 2 / 3
    }

    /// Extends the lease. Returns `true` if the store confirmed the renewal and the lease is still held.
    pub(crate) async fn renew(&self) -> bool {
        let valid_until = self.now() + self.ttl;
        match self.store.renew(&self.key, self.ttl, &self.owner, &self.trace).await {
            Ok(true) => self.set_valid_until(valid_until),
            Ok(false) => self.set_valid_until(Tick(0)),
            // The store may have renewed the lease or not, so the end that was known before is kept.
            Err(_) => return false,
        }
        self.is_held()
    }

    /// Runs `future` to its end, even if the lease is lost. Until then the lease is renewed after each third of its
    /// lifetime.
    ///
    /// If the returned future is dropped, `future` is dropped, too, and the lease is no longer renewed.
    pub(crate) async fn renew_while<T>(&self, future: impl Future<Output = T> + Send) -> T {
        let renewing = async {
            let mut pause = self.ttl / 3;
            while self.is_held() {
                self.store.runtime().sleep_until(self.now() + pause).await;
                // A failed renewal is repeated after a shorter pause, because less of the lifetime is left.
                pause = if self.renew().await { self.ttl / 3 } else { self.ttl / 10 };
            }
            std::future::pending::<T>().await
        };
        match select(pin!(future), pin!(renewing)).await {
            Either::Left((output, _)) | Either::Right((output, _)) => output,
        }
    }

    /// Releases the lease or the place in the queue. If that fails, the failure is emitted, and the lease or the place
    /// expires.
    ///
    /// If the future is dropped, a background task releases the lease.
    pub(crate) async fn release(mut self) {
        let _ = self.store.release(&self.key, &self.owner, &self.trace).await;
        *self.needs_release.get_mut() = false;
    }

    fn now(&self) -> Tick {
        self.store.runtime().now()
    }

    fn time_left(&self) -> Duration {
        Tick(self.valid_until.load(Ordering::Relaxed)).since(self.now())
    }

    fn set_valid_until(&self, valid_until: Tick) {
        self.valid_until.store(valid_until.0, Ordering::Relaxed);
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        if *self.needs_release.get_mut() {
            self.store.release_in_background(&self.key, self.owner, &self.trace);
        }
    }
}

#[cfg(test)]
mod tests {
    use stitchapi_core::{MemoryStore, Runtime};
    use stitchapi_testing::SimRuntime;

    use super::*;
    use crate::trace::{CallId, Dispatch};

    const PARK: Duration = Duration::from_millis(100);

    fn guards(sim: &SimRuntime) -> impl Fn() -> LeaseGuard {
        let runtime: Arc<dyn Runtime> = Arc::new(sim.clone());
        let store = Arc::new(Client::new(Arc::new(MemoryStore::with_clock_of(runtime.clone())), runtime.clone()));
        let (dispatch, name): (_, Arc<str>) = (Dispatch::new(Vec::new()), "test".into());
        let trace = Trace { dispatch, runtime, seam: name.clone(), stitch: name, call: CallId(1) };
        move || LeaseGuard::new(store.clone(), trace.clone(), Key::new("lease"))
    }

    #[test]
    fn a_lease_has_one_holder_until_it_is_released() {
        let sim = SimRuntime::new(1);
        let guard = guards(&sim);
        let (first, second) = (guard(), guard());
        assert_eq!(sim.block_on(first.acquire(PARK)).unwrap(), Acquired::Held);
        assert!(matches!(sim.block_on(second.acquire(PARK)).unwrap(), Acquired::Busy { .. }));
        assert!(first.is_held() && first.is_fresh() && !second.is_held());
        sim.block_on(first.release());
        assert_eq!(sim.block_on(second.acquire(PARK)).unwrap(), Acquired::Held);
    }

    #[test]
    fn a_dropped_guard_releases_its_lease_in_the_background() {
        let sim = SimRuntime::new(1);
        let guard = guards(&sim);
        let (first, second) = (guard(), guard());
        sim.block_on(first.acquire(Duration::ZERO)).unwrap();
        drop(first);
        sim.block_on(sim.sleep(Duration::from_millis(1)));
        assert_eq!(sim.block_on(second.acquire(Duration::ZERO)).unwrap(), Acquired::Held);
    }

    #[test]
    fn a_lease_is_held_as_long_as_a_future_runs_and_expires_after_its_lifetime() {
        let sim = SimRuntime::new(1);
        let guard = guards(&sim);
        let (first, second) = (guard(), guard());
        sim.block_on(first.acquire(Duration::ZERO)).unwrap();
        sim.block_on(first.renew_while(sim.sleep(Duration::from_secs(10))));
        assert!(first.is_held());
        sim.block_on(sim.sleep(first.ttl()));
        assert!(!first.is_held());
        assert_eq!(sim.block_on(second.acquire(Duration::ZERO)).unwrap(), Acquired::Held);
        assert!(!sim.block_on(first.renew()));
    }
}
