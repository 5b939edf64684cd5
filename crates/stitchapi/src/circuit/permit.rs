//! The permission of a circuit for one attempt: the attempt runs under it, and it receives the outcome.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use stitchapi_core::Tick;

use super::fleet::FleetCircuit;
use super::local::LocalCircuit;
use super::outcome::AttemptOutcome;
use crate::error::Result;
use crate::store::LeaseGuard;
use crate::trace::Trace;

/// Permission for one attempt to start. If it is dropped without [`end`](Self::end), the attempt is not counted; if the
/// attempt was the probe, the next call becomes the probe.
pub(crate) struct AttemptPermit {
    local: Arc<LocalCircuit>,
    fleet: Option<Arc<FleetCircuit>>,
    /// Generation of the circuit to which the attempt belongs: see `CircuitState`.
    generation: AtomicU64,
    /// Number under which the circuit keeps the waker of the attempt until its request is sent.
    number: u64,
    sent_at: OnceLock<Tick>,
    /// Lease under which the attempt probes for the fleet; `None` if it is no probe, or the store failed.
    probe_lease: Option<LeaseGuard>,
    has_ended: bool,
}

impl AttemptPermit {
    pub(super) fn new(local: Arc<LocalCircuit>, fleet: Option<Arc<FleetCircuit>>, generation: u64) -> Self {
        let (generation, number, sent_at) = (AtomicU64::new(generation), local.next_number(), OnceLock::new());
        Self { local, fleet, generation, number, sent_at, probe_lease: None, has_ended: false }
    }

    /// Sets the lease under which the attempt probes for the fleet.
    pub(super) fn set_probe_lease(&mut self, lease: Option<LeaseGuard>) {
        self.probe_lease = lease;
    }

    /// Records that the request is sent now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CircuitOpen`](crate::ErrorKind::CircuitOpen) if the circuit opened while the attempt waited, so
    /// that the request must not be sent.
    pub(crate) fn send(&self, now: Tick) -> Result<()> {
        self.revalidate(now)?;
        let _ = self.sent_at.set(now);
        Ok(())
    }

    /// Returns when the request was sent, if it was.
    pub(crate) fn sent_at(&self) -> Option<Tick> {
        self.sent_at.get().copied()
    }

    /// Runs the attempt to its end, but stops it if the circuit opens before its request is sent. A probe with a lease
    /// is not stopped; its lease is renewed while it runs, and [`send`](Self::send) checks the circuit.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CircuitOpen`](crate::ErrorKind::CircuitOpen) if the attempt was stopped.
    pub(crate) async fn run<T>(&self, attempt: impl Future<Output = T> + Send) -> Result<T> {
        if let Some(lease) = &self.probe_lease {
            return Ok(lease.renew_while(attempt).await);
        }
        let mut attempt = pin!(attempt);
        poll_fn(|context| match attempt.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if self.sent_at().is_some() => Poll::Pending,
            Poll::Pending => self.local.poll_refusal(self.generation(), self.number, context).map(Err),
        })
        .await
    }

    /// Records the outcome of the attempt. If it changes the circuit, the change is stored before the lease of the
    /// probe is released.
    pub(crate) async fn end(mut self, outcome: AttemptOutcome, trace: &Trace) {
        self.has_ended = true;
        let Some(change) = self.local.record_end(self.generation(), outcome, trace) else { return };
        if let Some(fleet) = &self.fleet {
            fleet.publish(change, self.probe_lease.take(), trace).await;
        }
    }

    /// Moves the attempt to the present generation of the circuit, so that its outcome counts even if the circuit
    /// closed meanwhile.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CircuitOpen`](crate::ErrorKind::CircuitOpen) if the attempt must no longer send its request.
    pub(super) fn revalidate(&self, now: Tick) -> Result<()> {
        let generation = self.local.may_send(self.generation(), now)?;
        self.generation.store(generation, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }
}

impl Drop for AttemptPermit {
    fn drop(&mut self) {
        self.local.remove_waker(self.number);
        if !self.has_ended {
            self.local.return_probe(self.generation(), Duration::ZERO);
        }
    }
}

impl fmt::Debug for AttemptPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptPermit")
            .field("generation", &self.generation)
            .field("sent_at", &self.sent_at)
            .finish_non_exhaustive()
    }
}
