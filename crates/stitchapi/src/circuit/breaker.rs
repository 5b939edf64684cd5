//! One circuit breaker: decides whether an attempt may start, from the state of this process and the record in the
//! store. Returns an [`AttemptPermit`]. Called by `pipeline/stages/circuit.rs`.

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

    /// Admits an attempt of a call whose deadline is `ends`; after that time the attempt is no longer the probe. An
    /// attempt that becomes the probe waits for the store. Any other attempt waits only if the runtime cannot read the
    /// record in a background task.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CircuitOpen`](crate::ErrorKind::CircuitOpen) if the circuit refuses the attempt.
    pub(crate) async fn admit(&self, trace: &Trace, ends: Tick) -> Result<AttemptPermit> {
        if let Some(fleet) = &self.fleet {
            fleet.refresh_if_due(trace).await;
        }
        let permit = |generation| AttemptPermit::new(self.local.clone(), self.fleet.clone(), generation);
        match self.local.admit(ends) {
            Admission::Admitted(generation) => Ok(permit(generation)),
            Admission::Refused(retry_after) => Err(self.local.refusal_error(retry_after)),
            Admission::Probe(generation) => self.probe(permit(generation), trace).await,
        }
    }

    /// Admits an attempt that this process has chosen as its probe. In a fleet, acquires the lease of the probe, and
    /// then reads the record.
    ///
    /// If the record shows that another process has closed the circuit, the attempt is admitted, but not as the probe.
    /// Otherwise the attempt is refused if another process holds the lease or has opened the circuit again, or if the
    /// record of an open period that another process began still exists.
    async fn probe(&self, mut permit: AttemptPermit, trace: &Trace) -> Result<AttemptPermit> {
        let mut lease = None;
        if let Some(fleet) = &self.fleet {
            lease = fleet.begin_probe(permit.generation(), trace).await;
            permit.revalidate(self.local.runtime().now())?;
        }
        // If another process has closed the circuit, the attempt is no probe, and the lease is released when it is
        // dropped here.
        if self.local.is_open() {
            permit.set_probe_lease(lease);
            trace.emit(EventKind::CircuitHalfOpen { circuit: self.local.name() });
        }
        Ok(permit)
    }
}
