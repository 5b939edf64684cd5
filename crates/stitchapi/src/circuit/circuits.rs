//! The circuits of a seam.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use stitchapi_core::Runtime;

use super::breaker::{Breaker, Of};
use super::{Circuit, shared::Shared};
use crate::store::Client;
use crate::{Error, Result};

/// The circuits of a seam by what they are of, so that two declarations of one meet.
#[derive(Debug)]
pub(crate) struct Circuits {
    seam: Arc<str>,
    host: Arc<str>,
    /// What the fleet shares, if it shares anything and can wait for each other.
    store: Option<Arc<Client>>,
    runtime: Arc<dyn Runtime>,
    made: Mutex<HashMap<Of, (Circuit, Arc<Breaker>)>>,
}

impl Circuits {
    pub(crate) fn new(seam: Arc<str>, host: &str, store: Option<Arc<Client>>, runtime: Arc<dyn Runtime>) -> Self {
        let store = store.filter(|store| store.can_coordinate());
        Self { seam, host: host.into(), store, runtime, made: Mutex::default() }
    }

    /// The circuit of this stitch, if `circuit` is one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for whatever is wrong with the circuit.
    pub(crate) fn of(&self, circuit: &Circuit, stitch: &Arc<str>) -> Result<Option<Arc<Breaker>>> {
        let Some(rule) = circuit.judge()? else { return Ok(None) };
        let of = if circuit.is_hosts() { Of::Host(self.host.clone()) } else { Of::Stitch(stitch.clone()) };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match made.get(&of) {
            Some((same, breaker)) if same == circuit => Ok(Some(breaker.clone())),
            Some(_) => Err(Error::config("the circuit: there is another one of this name, and it says something else")),
            None => {
                let shared = self.store.clone().map(|store| {
                    let parts: &[&str] = match &of {
                        Of::Host(host) => &["host", host],
                        Of::Stitch(stitch) => &["stitch", &self.seam, stitch],
                    };
                    Arc::new(Shared::new(store, parts))
                });
                let breaker = Breaker::new(of.clone(), rule, circuit.opens_for(), shared, self.runtime.clone());
                made.insert(of, (circuit.clone(), breaker.clone()));
                Ok(Some(breaker))
            }
        }
    }
}
