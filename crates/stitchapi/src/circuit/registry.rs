//! The circuits of a seam. [`CircuitRegistry::breaker_of`] takes the declared circuit of a stitch and returns its
//! breaker; it is called when a stitch is built.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use stitchapi_core::Runtime;

use super::breaker::Breaker;
use super::declaration::Circuit;
use super::fleet::FleetCircuit;
use super::local::{CircuitOwner, LocalCircuit};
use crate::error::{Error, Result};
use crate::store::Client;

/// Registry of the circuits of a seam: stitches whose circuit has the same owner share one breaker.
#[derive(Debug)]
pub(crate) struct CircuitRegistry {
    seam: Arc<str>,
    host: Arc<str>,
    /// Store that the circuits share. `None` if there is none, or it lacks leases or versioned values.
    store: Option<Arc<Client>>,
    runtime: Arc<dyn Runtime>,
    breakers: Mutex<HashMap<CircuitOwner, (Circuit, Arc<Breaker>)>>,
}

impl CircuitRegistry {
    /// Creates the registry of a seam. Without a `store` that has leases and versioned values, each process has
    /// circuits of its own.
    pub(crate) fn new(seam: Arc<str>, host: &str, store: Option<Arc<Client>>, runtime: Arc<dyn Runtime>) -> Self {
        let store = store.filter(|store| store.can_coordinate());
        Self { seam, host: host.into(), store, runtime, breakers: Mutex::default() }
    }

    /// Returns the breaker of a stitch; `None` for [`Circuit::none`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an invalid circuit, and for a circuit that differs from the
    /// circuit declared earlier for the same owner.
    pub(crate) fn breaker_of(&self, circuit: &Circuit, stitch: &Arc<str>) -> Result<Option<Arc<Breaker>>> {
        let Some(rule) = circuit.validate()? else { return Ok(None) };
        let owner = if circuit.is_per_host() {
            CircuitOwner::Host(self.host.clone())
        } else {
            CircuitOwner::Stitch(stitch.clone())
        };
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        match breakers.get(&owner) {
            Some((declared, breaker)) if declared == circuit => Ok(Some(breaker.clone())),
            Some(_) => {
                let (CircuitOwner::Host(name) | CircuitOwner::Stitch(name)) = &owner;
                Err(Error::config(format!(
                    "circuit: {name} already has a circuit with other settings: declare the same settings for both"
                )))
            }
            None => {
                let (open_for, runtime) = (circuit.open_period(), self.runtime.clone());
                let local = Arc::new(LocalCircuit::new(owner.clone(), rule, open_for, runtime));
                let fleet = self.store.clone().map(|store| {
                    let key_parts: &[&str] = match &owner {
                        CircuitOwner::Host(host) => &["host", host],
                        CircuitOwner::Stitch(stitch) => &["stitch", &self.seam, stitch],
                    };
                    FleetCircuit::new(local.clone(), store, key_parts)
                });
                let breaker = Arc::new(Breaker::new(local, fleet));
                breakers.insert(owner, (circuit.clone(), breaker.clone()));
                Ok(Some(breaker))
            }
        }
    }
}
