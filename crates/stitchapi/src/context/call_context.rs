//! The part of a call that every layer below the pipeline needs.

use std::sync::Arc;

use stitchapi_core::{Runtime, Tick};

use super::InFlight;
use crate::principal::Principal;
use crate::store;
use crate::trace::Trace;
use crate::vault::Vault;

/// Context of one call: what the authentication, the cache and the single flight need from the call and its seam.
///
/// The pipeline builds it; a lower layer receives a reference, or a clone for a spawned task.
#[derive(Debug, Clone)]
pub(crate) struct CallContext {
    /// Event stream of the call; it names the seam, the stitch and the call.
    pub(crate) trace: Trace,
    /// The user for whom the call is made.
    pub(crate) principal: Option<Principal>,
    /// The store of the seam; an in-process store if none is attached.
    pub(crate) store: Arc<store::Client>,
    /// The vault of the seam, which seals sessions and hashes private values in store keys.
    pub(crate) vault: Vault,
    /// Deadline of the whole call, with all its attempts.
    pub(crate) deadline: Tick,
    /// Counter of the calls and tasks in flight. A spawned task is counted in it, so that a shutdown waits for the
    /// task.
    pub(crate) in_flight: Arc<InFlight>,
}

impl CallContext {
    pub(crate) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.trace.runtime
    }
}
