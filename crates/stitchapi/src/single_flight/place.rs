//! A process' place at a lease or in its queue.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use stitchapi_core::{Lease, Owner, Runtime, StoreError, Tick};

use super::meeting::Meeting;

/// What asking for the lease came to.
pub(super) enum Taken {
    Held(Lock),
    /// For so long, if the holder does not renew.
    Busy(Duration),
}

/// The lease as its holder knows it.
pub(crate) struct Lock {
    runtime: Arc<dyn Runtime>,
    lease: Duration,
    /// In microseconds of the runtime's clock; 0 once it is known to be lost.
    valid_until: AtomicU64,
}

impl Lock {
    /// Whether it is held for certain: counted from when the last renewal was sent.
    pub(crate) fn is_held(&self) -> bool {
        !self.left().is_zero()
    }

    /// Whether more than two thirds of it are left.
    pub(super) fn is_fresh(&self) -> bool {
        self.left() > self.lease * 2 / 3
    }

    fn left(&self) -> Duration {
        Tick(self.valid_until.load(Ordering::Relaxed)).since(self.runtime.now())
    }

    fn set(&self, valid_until: Tick) {
        self.valid_until.store(valid_until.0, Ordering::Relaxed);
    }
}

/// Given back when dropped, by a task of its own.
pub(super) struct Place<'m> {
    meeting: &'m Meeting,
    owner: Owner,
    left: bool,
}

impl<'m> Place<'m> {
    pub(super) fn new(meeting: &'m Meeting) -> Self {
        Self { meeting, owner: Owner::random(meeting.runtime()), left: false }
    }

    /// Takes the lease, or a place in its queue, or keeps it.
    pub(super) async fn take(&self) -> Result<Taken, StoreError> {
        let Meeting { store, trace, lock, .. } = self.meeting;
        let (runtime, lease) = (store.runtime().clone(), self.meeting.lease());
        let valid_until = runtime.now() + lease;
        Ok(match store.acquire(lock, 1, lease, &self.owner, store.park(), trace).await? {
            Lease::Held { .. } => Taken::Held(Lock { runtime, lease, valid_until: AtomicU64::new(valid_until.0) }),
            Lease::Busy { retry_after } => Taken::Busy(retry_after),
        })
    }

    /// Holds the lease for longer; `false` if that is not certain.
    pub(super) async fn renew(&self, lock: &Lock) -> bool {
        let Meeting { store, trace, lock: key, .. } = self.meeting;
        let valid_until = lock.runtime.now() + lock.lease;
        match store.renew(key, lock.lease, &self.owner, trace).await {
            Ok(true) => lock.set(valid_until),
            Ok(false) => lock.set(Tick(0)),
            // It may have been renewed; what was valid before still is.
            Err(_) => return false,
        }
        lock.is_held()
    }

    /// Runs `fetch` to its end, and renews the lease meanwhile, until it is lost.
    pub(super) async fn keep_renewed<T>(&self, lock: &Lock, fetch: impl Future<Output = T> + Send) -> T {
        let renewing = async {
            let mut pause = lock.lease / 3;
            while lock.is_held() {
                lock.runtime.sleep_until(lock.runtime.now() + pause).await;
                // One that failed is tried again soon: the next third may be the last.
                pause = if self.renew(lock).await { lock.lease / 3 } else { lock.lease / 10 };
            }
            std::future::pending::<T>().await
        };
        match select(pin!(fetch), pin!(renewing)).await {
            Either::Left((fetched, _)) => fetched,
            Either::Right((never, _)) => never,
        }
    }

    /// Gives it back. A failure has been told as an event; the place ends by itself.
    pub(super) async fn leave(mut self) {
        self.left = true;
        let _ = self.meeting.store.release(&self.meeting.lock, &self.owner, &self.meeting.trace).await;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Meeting { store, trace, lock, .. } = self.meeting;
        if !self.left {
            store.release_in_background(lock, self.owner, trace);
        }
    }
}
