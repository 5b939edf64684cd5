//! [`ThrottleContext`]: what the buckets of one seam share. The seam creates it; registry and buckets read it.

use std::sync::Arc;

use stitchapi_core::Runtime;

use crate::store::Client;
use crate::trace::Trace;
use crate::vault::Vault;

/// Context of the throttles of one seam.
#[derive(Debug)]
pub(crate) struct ThrottleContext {
    /// Name of the seam.
    pub(crate) seam: Arc<str>,
    /// Host and port of its base URL.
    pub(crate) host: String,
    /// Store with the state of the buckets; `None` keeps it in this process.
    pub(crate) store: Option<Arc<Client>>,
    /// Vault that hashes principals in keys.
    pub(crate) vault: Vault,
    pub(crate) runtime: Arc<dyn Runtime>,
    /// Event stream of the seam.
    pub(crate) trace: Trace,
}
