//! The handle of one API.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use stitchapi_core::{Runtime, Tick, Transport};
use url::Url;

use crate::auth::{AuthStrategy, LoginSettings};
use crate::cache::{CachePolicy, ResponseCache};
use crate::circuit::{Breaker, Circuit, CircuitRegistry};
use crate::context::{CallContext, InFlight};
use crate::error::Result;
use crate::principal::Principal;
use crate::retry::Retry;
use crate::store;
use crate::throttle::{BucketHandle, BucketRegistry, Throttle, ThrottleStatus};
use crate::trace::{CallId, Dispatch, Trace};
use crate::vault::Vault;

/// One API: its base URL, its rate budget, its credentials, its events. Cheap to clone; clones are the same seam.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
/// use stitchapi::{Rate, Seam, Stitch, Throttle, auth, env};
///
/// let github = Seam::builder("https://api.github.com")
///     .throttle(Throttle::rate(Rate::per_second(10)))
///     .auth(auth::bearer(env("GITHUB_TOKEN")))
///     .build()?;
/// let user: Stitch<str, serde_json::Value> = github.get("/users/{name}").build()?;
/// println!("{}", user.call("octocat").await?["id"]);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Seam {
    pub(super) parts: Arc<SeamParts>,
    pub(super) principal: Option<Principal>,
}

/// The parts of a seam that all its clones share.
pub(super) struct SeamParts {
    pub(super) name: Arc<str>,
    pub(super) base: Url,
    /// Headers of every call.
    pub(super) headers: HeaderMap,
    pub(super) retry: Retry,
    /// Time limit of a whole call.
    pub(super) deadline: Duration,
    /// Time limit of one attempt.
    pub(super) attempt_timeout: Duration,
    /// Maximum number of redirects of a call.
    pub(super) redirects: u8,
    /// Maximum size of a response body, in bytes.
    pub(super) body_limit: usize,
    /// The throttles of the seam and of its stitches.
    pub(super) bucket_registry: BucketRegistry,
    /// The throttle that all calls pass.
    pub(super) bucket_handle: Option<BucketHandle>,
    /// The declared throttle. Its bucket is in `bucket_handle`, unless it is declared per stitch: then each stitch has
    /// a bucket of its own.
    pub(super) throttle: Option<Throttle>,
    pub(super) circuits: CircuitRegistry,
    /// The circuit of stitches that declare none.
    pub(super) circuit: Option<Circuit>,
    /// The cache policy of stitches that declare none.
    pub(super) cache: Option<CachePolicy>,
    pub(super) response_cache: ResponseCache,
    pub(super) auth: Option<Arc<dyn AuthStrategy>>,
    /// The settings of the seam that the auth strategy uses for a login.
    pub(super) login_settings: Arc<LoginSettings>,
    pub(super) vault: Vault,
    pub(super) store: Arc<store::Client>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) dispatch: Arc<Dispatch>,
    pub(super) in_flight: Arc<InFlight>,
}

impl Seam {
    /// Returns the same seam, for one of the application's users. Sessions, and responses that are cached
    /// [per principal](crate::Cache::per_principal), belong to that user. Users share the budget and wait in turn,
    /// unless the throttle is declared [per principal](crate::Throttle::per_principal). Cheap.
    #[must_use]
    pub fn as_principal(&self, id: impl Into<Principal>) -> Self {
        Self { principal: Some(id.into()), parts: self.parts.clone() }
    }

    /// Returns the state of the throttles of the seam and its stitches. A throttle that is declared per principal has
    /// the state for this seam's [principal](Self::as_principal). Each bucket in a store takes one round trip, or none
    /// during an outage of the store.
    ///
    /// If the future is dropped, nothing has changed.
    pub async fn throttle_status(&self) -> ThrottleStatus {
        self.parts.bucket_registry.status(self.principal()).await
    }

    /// Returns the name: the declared one, or the base URL. It is equal in every process, so that processes share a
    /// bucket.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// Returns the context of a call of `stitch` that ends at `deadline`, with a new call id, for the principal of this
    /// seam.
    pub(crate) fn call_context(&self, stitch: &Arc<str>, deadline: Tick) -> CallContext {
        let runtime = self.parts.runtime.clone();
        let trace = Trace {
            dispatch: self.parts.dispatch.clone(),
            seam: self.parts.name.clone(),
            stitch: stitch.clone(),
            call: CallId(runtime.random()),
            runtime,
        };
        CallContext {
            trace,
            principal: self.principal.clone(),
            store: self.parts.store.clone(),
            vault: self.parts.vault.clone(),
            deadline,
            in_flight: self.parts.in_flight.clone(),
        }
    }

    /// Returns the throttles of a stitch besides the one that all calls of the seam pass, narrowest first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an invalid throttle.
    pub(crate) fn declare_stitch_throttles(
        &self,
        stitch: &str,
        declared: Option<&Throttle>,
    ) -> Result<Vec<BucketHandle>> {
        let of_every_stitch = self.parts.throttle.as_ref().filter(|throttle| throttle.is_per_stitch());
        let throttles = declared.into_iter().chain(of_every_stitch);
        throttles.map(|throttle| self.parts.bucket_registry.declare(throttle, Some(stitch))).collect()
    }

    /// Returns the circuit of a stitch: the declared one, or else the seam's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an invalid circuit.
    pub(crate) fn declare_circuit(
        &self,
        stitch: &Arc<str>,
        declared: Option<&Circuit>,
    ) -> Result<Option<Arc<Breaker>>> {
        let circuit = declared.or(self.parts.circuit.as_ref());
        circuit.map_or(Ok(None), |circuit| self.parts.circuits.breaker_of(circuit, stitch))
    }

    pub(crate) fn base(&self) -> &Url {
        &self.parts.base
    }
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }
    pub(crate) fn retry(&self) -> &Retry {
        &self.parts.retry
    }
    pub(crate) fn deadline(&self) -> Duration {
        self.parts.deadline
    }
    pub(crate) fn attempt_timeout(&self) -> Duration {
        self.parts.attempt_timeout
    }
    pub(crate) fn redirects(&self) -> u8 {
        self.parts.redirects
    }
    pub(crate) fn body_limit(&self) -> usize {
        self.parts.body_limit
    }
    pub(crate) fn throttle(&self) -> Option<&Throttle> {
        self.parts.throttle.as_ref()
    }
    pub(crate) fn bucket_handle(&self) -> Option<&BucketHandle> {
        self.parts.bucket_handle.as_ref()
    }
    pub(crate) fn cache(&self) -> Option<CachePolicy> {
        self.parts.cache
    }
    pub(crate) fn response_cache(&self) -> &ResponseCache {
        &self.parts.response_cache
    }
    pub(crate) fn auth(&self) -> Option<&dyn AuthStrategy> {
        self.parts.auth.as_deref()
    }
    pub(crate) fn login_settings(&self) -> &Arc<LoginSettings> {
        &self.parts.login_settings
    }
    pub(crate) fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }
    pub(crate) fn transport(&self) -> &dyn Transport {
        &*self.parts.transport
    }
    pub(crate) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.parts.runtime
    }
    pub(crate) fn in_flight(&self) -> &Arc<InFlight> {
        &self.parts.in_flight
    }
}

/// Shows the name only, because a header may be a secret.
impl fmt::Debug for Seam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seam").field("name", &self.parts.name).finish_non_exhaustive()
    }
}
