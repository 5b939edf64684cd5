//! One circuit breaker: it admits attempts by the circuit of this process and by what the fleet shares.

use std::sync::Arc;

use stitchapi_core::Tick;

use super::fleet::FleetCircuit;
use super::local::LocalCircuit;
use super::permit::AttemptPermit;
use super::state::Admission;
use crate::error::Result;
use crate::trace::{EventKind, Trace};

/// The breaker of one circuit.
#[derive(Debug)]
pub(crate) struct Breaker {
    local: Arc<LocalCircuit>,
    /// The part in the store, if the circuit belongs to the fleet.
    fleet: Option<Arc<FleetCircuit>>,
}

impl Breaker {
    pub(super) fn new(local: Arc<LocalCircuit>, fleet: Option<FleetCircuit>) -> Self {
        Self { local, fleet: fleet.map(Arc::new) }
    }

    /// Admits an attempt whose call ends at `ends`. Only an attempt that may probe waits for the store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CircuitOpen`](crate::ErrorKind::CircuitOpen).
    pub(crate) async fn admit(&self, trace: &Trace, ends: Tick) -> Result<AttemptPermit> {
        if let Some(fleet) = &self.fleet {
            fleet.refresh_if_due(trace).await;
        }
        let permit = |generation| AttemptPermit::new(self.local.clone(), self.fleet.clone(), generation);
        match self.local.admit(ends) {
            Admission::Admitted(generation) => Ok(permit(generation)),
            Admission::Refused(retry_after) => Err(self.local.refusal(retry_after)),
            Admission::Probe(generation) => self.probe(permit(generation), trace).await,
        }
    }

    /// Makes sure that the attempt is the only probe of the fleet, and that no other process has probed already.
    async fn probe(&self, mut permit: AttemptPermit, trace: &Trace) -> Result<AttemptPermit> {
        let mut lease = None;
        if let Some(fleet) = &self.fleet {
            lease = fleet.begin_probe(permit.generation(), trace).await;
            permit.revalidate(self.local.runtime().now())?;
        }
        // Another process may have closed the circuit, so that the attempt is no probe.
        if self.local.is_open() {
            permit.set_probe_lease(lease);
            trace.emit(EventKind::CircuitHalfOpen { circuit: self.local.name() });
        }
        Ok(permit)
    }
}
