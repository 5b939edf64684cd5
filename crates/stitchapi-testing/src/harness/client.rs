//! A client of the backend under test and its facets.

use std::sync::Arc;

use stitchapi_core::{Counter, Leases, Pacer, StitchStore, Versioned};

use super::not_passed::NotPassed;

/// Client of the backend under test. Each facet accessor of the store is called once, as the library does.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) store: Arc<dyn StitchStore>,
    counter: Option<Arc<dyn Counter>>,
    pacer: Option<Arc<dyn Pacer>>,
    leases: Option<Arc<dyn Leases>>,
    versioned: Option<Arc<dyn Versioned>>,
}

impl Client {
    pub(crate) fn new(store: Arc<dyn StitchStore>) -> Self {
        let (counter, pacer) = (store.clone().counter(), store.clone().pacer());
        let (leases, versioned) = (store.clone().leases(), store.clone().versioned());
        Self { store, counter, pacer, leases, versioned }
    }

    /// Returns the counter, or ends the clause as not applicable. The three accessors below do the same.
    pub(crate) fn counter(&self) -> Result<Arc<dyn Counter>, NotPassed> {
        facet(self.counter.as_ref(), "the store has no counter")
    }

    pub(crate) fn pacer(&self) -> Result<Arc<dyn Pacer>, NotPassed> {
        facet(self.pacer.as_ref(), "the store has no pacer")
    }

    pub(crate) fn leases(&self) -> Result<Arc<dyn Leases>, NotPassed> {
        facet(self.leases.as_ref(), "the store has no leases")
    }

    pub(crate) fn versioned(&self) -> Result<Arc<dyn Versioned>, NotPassed> {
        facet(self.versioned.as_ref(), "the store has no versioned values")
    }
}

fn facet<F: ?Sized>(facet: Option<&Arc<F>>, absent: &str) -> Result<Arc<F>, NotPassed> {
    facet.cloned().ok_or_else(|| NotPassed::NotApplicable(absent.into()))
}
