//! One circuit breaker: it decides on attempts from the state of this process and the record that the fleet shares.

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

    /// Admits an attempt of a call with the deadline `ends`. A probe must be sent before that deadline. Only an attempt
    /// that becomes the probe waits for the store; for any other the record is read in the background.
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
            Admission::Refused(retry_after) => Err(self.local.refusal_error(retry_after)),
            Admission::Probe(generation) => self.probe(permit(generation), trace).await,
        }
    }

    /// Acquires the probe lease of the fleet, then reads the record: the attempt is refused if another process holds
    /// the lease or has closed or reopened the circuit.
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
