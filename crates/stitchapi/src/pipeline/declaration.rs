//! The declaration of a stitch, as its calls use it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Method};
use stitchapi_core::Body;

use crate::cache::CachePolicy;
use crate::circuit::Breaker;
use crate::endpoint::InputPlan;
use crate::retry::Retry;
use crate::seam::Seam;
use crate::throttle::{BucketHandle, Cost};

/// The validated settings of a stitch, without its input and output types. Made by
/// [`StitchBuilder`](crate::StitchBuilder).
pub(crate) struct Declaration {
    /// The seam of the stitch. A call with a principal of its own uses a copy for that principal.
    pub(crate) seam: Seam,
    /// Name in errors, events and keys of the store.
    pub(crate) name: Arc<str>,
    pub(crate) method: Method,
    /// Encodes the input of a call.
    pub(crate) plan: InputPlan,
    /// Fixed headers of the seam and of the stitch.
    pub(crate) headers: HeaderMap,
    /// Whether the stitch is declared idempotent: repeating a request is safe, whatever its method.
    pub(crate) is_idempotent: bool,
    pub(crate) retry: Retry,
    /// Time limit of a whole call.
    pub(crate) deadline: Duration,
    pub(crate) cache: Option<CachePolicy>,
    pub(crate) circuit: Option<Arc<Breaker>>,
    /// Throttles besides the seam's, narrowest first. A call passes the seam's throttle after them.
    pub(crate) bucket_handles: Vec<BucketHandle>,
    /// Computes the cost of a call from its request. Without it, the cost is one call.
    pub(crate) cost: Option<Box<CostOfRequest>>,
    /// Computes the real cost of a call, if only the response states it.
    pub(crate) settle: Option<Box<CostOfResponse>>,
}

/// Computes the cost of a call from its request.
pub(crate) type CostOfRequest = dyn Fn(&http::Request<Body>) -> Cost + Send + Sync;
/// Computes the real cost of a call from its response; `None` leaves the cost unchanged.
pub(crate) type CostOfResponse = dyn Fn(&Parts, &Bytes) -> Option<Cost> + Send + Sync;
