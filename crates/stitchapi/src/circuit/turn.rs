//! The one place in the fleet from which is seen whether an API is back.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use stitchapi_core::{Lease, Owner, StoreError};

use super::shared::Shared;
use crate::trace::Trace;

/// One who dies is replaced after this, or after four timeouts of a slower store. Renewed at each third.
const LEASE: Duration = Duration::from_secs(1);

/// A lease, held while its holder's future is polled. Given back when dropped, by a task of its own.
#[derive(Debug)]
pub(super) struct Turn {
    shared: Arc<Shared>,
    trace: Trace,
    owner: Owner,
    is_given_back: bool,
}

impl Turn {
    /// Takes it; `None` if it is another one's.
    pub(super) async fn take(shared: &Arc<Shared>, trace: &Trace) -> Result<Option<Self>, StoreError> {
        let owner = Owner::random(&**shared.store.runtime());
        // Made before it is asked for: whoever is dropped meanwhile may have got it.
        let mut turn = Self { shared: shared.clone(), trace: trace.clone(), owner, is_given_back: false };
        let lease = shared.store.acquire(&shared.turn, 1, turn.lease(), &owner, Duration::ZERO, trace).await?;
        turn.is_given_back = matches!(lease, Lease::Busy { .. });
        Ok((!turn.is_given_back).then_some(turn))
    }

    /// Runs `attempt` to its end, and holds on meanwhile.
    pub(super) async fn hold<T>(&self, attempt: impl Future<Output = T> + Send) -> T {
        let runtime = self.shared.store.runtime();
        let renewing = async {
            let mut pause = self.lease() / 3;
            loop {
                runtime.sleep_until(runtime.now() + pause).await;
                let renewed = self.shared.store.renew(&self.shared.turn, self.lease(), &self.owner, &self.trace).await;
                pause = match renewed {
                    Ok(true) => self.lease() / 3,
                    Err(error) if error.is_retryable() => self.lease() / 10,
                    // What is on its way is not called back.
                    _ => std::future::pending().await,
                };
            }
        };
        match select(pin!(attempt), pin!(renewing)).await {
            Either::Left((done, _)) => done,
            Either::Right((never, _)) => never,
        }
    }

    /// Gives it back. A failure has been told as an event; the lease ends by itself.
    pub(super) async fn give_back(mut self) {
        self.is_given_back = true;
        let _ = self.shared.store.release(&self.shared.turn, &self.owner, &self.trace).await;
    }

    fn lease(&self) -> Duration {
        LEASE.max(self.shared.store.timeout() * 4)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_given_back {
            self.shared.store.release_in_background(&self.shared.turn, self.owner, &self.trace);
        }
    }
}
