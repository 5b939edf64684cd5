//! What the calls of one API share.

mod builder;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use stitchapi_core::{Runtime, Tick, Transport};
use url::Url;

use crate::context::{CallContext, InFlight};
use crate::principal::Principal;
pub use builder::SeamBuilder;

use crate::auth::{AuthStrategy, LoginSettings};
use crate::cache::{Policy, ResponseCache};
use crate::circuit::{Breaker, Circuit, Circuits};
use crate::retry::Retry;
use crate::runtime::{TimeUp, within};
use crate::store::Client;
use crate::throttle::{Bucket, Cost, Gate, Gates, Permit, Started, Throttle, ThrottleStatus, Units, Wait, flow};
use crate::trace::{CallId, Dispatch, Trace};
use crate::vault::Vault;
use crate::{Error, ErrorKind, Result, StitchBuilder};

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
    inner: Arc<Inner>,
    principal: Option<Principal>,
}

struct Inner {
    name: Arc<str>,
    base: Url,
    headers: HeaderMap,
    retry: Retry,
    deadline: Duration,
    attempt_timeout: Duration,
    redirects: u8,
    body_limit: usize,
    gates: Gates,
    /// The throttle of all its calls.
    gate: Option<Gate>,
    /// What each of its stitches has for itself, if it is not that of all its calls.
    throttle: Option<Throttle>,
    auth: Option<Arc<dyn AuthStrategy>>,
    /// What `auth` uses of the seam.
    login_settings: Arc<LoginSettings>,
    vault: Vault,
    store: Arc<Client>,
    cache: Option<Policy>,
    response_cache: ResponseCache,
    circuits: Circuits,
    /// What its stitches have, if they do not say otherwise.
    circuit: Option<Circuit>,
    transport: Arc<dyn Transport>,
    runtime: Arc<dyn Runtime>,
    dispatch: Arc<Dispatch>,
    in_flight: Arc<InFlight>,
}

macro_rules! methods {
    ($($name:ident: $method:ident),*) => {
        $(
            #[doc = concat!("Declares a `", stringify!($method), "` endpoint: `/users/{id}`, below the base URL.")]
            pub fn $name(&self, path: &str) -> StitchBuilder {
                self.request(Method::$method, path)
            }
        )*
    };
}

impl Seam {
    /// Begins a seam on `http` or `https` and a host, with a path if the API has one.
    pub fn builder(base_url: impl Into<String>) -> SeamBuilder {
        SeamBuilder::new(base_url.into())
    }

    methods! { get: GET, post: POST, put: PUT, patch: PATCH, delete: DELETE, head: HEAD }

    /// Declares an endpoint of any method: `/users/{id}`, below the base URL.
    pub fn request(&self, method: Method, path: &str) -> StitchBuilder {
        StitchBuilder::new(self.clone(), method, path)
    }

    /// The same seam, for one of your users: sessions and what is cached [per principal](crate::Cache::per_principal)
    /// are that user's own. The budget stays everybody's, in turn, unless it is [each user's](crate::Throttle::per_principal).
    /// Cheap.
    #[must_use]
    pub fn as_principal(&self, id: impl Into<Principal>) -> Self {
        Self { principal: Some(id.into()), inner: self.inner.clone() }
    }

    /// Waits for leave to start one call, for what is not a stitch: the throttle alone.
    ///
    /// Where there is a [concurrency](Throttle::and_concurrency) limit it has a place until it is dropped or settled.
    ///
    /// Dropped while waiting: nothing happened, the place passes on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ShutDown`] after [`shutdown`](Self::shutdown), [`ErrorKind::Throttled`] if it is clear that no slot comes
    /// in time, or no place came, [`ErrorKind::Timeout`] if none came before the deadline of the seam,
    /// [`ErrorKind::Input`] for a cost that can never be paid, [`ErrorKind::Store`] if the store fails and the throttle is
    /// [closed](crate::OutagePolicy::Closed) then.
    pub async fn permit(&self, cost: impl Into<Cost> + Send) -> Result<Permit> {
        self.in_flight().may_begin()?;
        let Some(gate) = self.gate() else { return Ok(Permit::free(None)) };
        let bucket = gate.bucket(self.principal())?;
        let odd = bucket.units(&cost.into())?.map(odd);
        if bucket.places().is_some() {
            return Box::pin(self.permit_in_place(bucket, odd)).await;
        }
        let Some(odd) = odd else { return Ok(Permit::free(None)) };
        let started = match bucket.start_at_once(odd.as_ref().unwrap_or(bucket.plain())) {
            Some(started) => started,
            // Boxed, so that the future of one who need not wait is small.
            None => Box::pin(self.start_in_turn(&bucket, odd.as_ref())).await?,
        };
        Ok(Permit::new(started, bucket, odd, None))
    }

    /// Waits for a slot of this bucket, at most until the deadline of a call that begins now.
    async fn start_in_turn(&self, bucket: &Arc<Bucket>, odd: Option<&Units>) -> Result<Started> {
        let _under_way = self.in_flight().begin()?;
        let units = odd.unwrap_or(bucket.plain());
        bucket.start_in_turn(units, flow(self.principal()), self.wait(), bucket.trace()).await
    }

    /// Waits for a place, and for a slot if the cost draws on a rate, at most until the deadline of a call that begins now.
    async fn permit_in_place(&self, bucket: Arc<Bucket>, odd: Option<Option<Units>>) -> Result<Permit> {
        let _under_way = self.in_flight().begin()?;
        let (flow, wait) = (flow(self.principal()), self.wait());
        let permit = async {
            let place = match bucket.places() {
                Some(places) => Some(places.take(flow, wait).await?),
                None => None,
            };
            let Some(odd) = odd else { return Ok(Permit::free(place)) };
            let units = odd.as_ref().unwrap_or(bucket.plain());
            let started = bucket.start(units, flow, wait, bucket.trace()).await?;
            Ok(Permit::new(started, bucket.clone(), odd, place))
        };
        let too_long = || Error::new(ErrorKind::Timeout, "no permit within the deadline of the seam");
        within(&**self.runtime(), wait.deadline, permit).await.map_err(|TimeUp| too_long())?
    }

    /// How long a call that begins now may wait.
    fn wait(&self) -> Wait {
        Wait { deadline: self.runtime().now() + self.deadline(), at_most: None }
    }

    /// What its throttles are now: the seam's, those of its stitches, and where each principal has one, that of this
    /// [principal](Self::as_principal). Each bucket in a store takes one trip to it, none while the store is away.
    ///
    /// Dropped: nothing has changed.
    pub async fn throttle_status(&self) -> ThrottleStatus {
        self.inner.gates.status(self.principal()).await
    }

    /// Lets nothing new begin, on any clone of the seam, and waits until all that is under way is done: calls and those
    /// who wait for a permit, logins and fetches that go on by themselves. Then every event so far has reached the sinks.
    ///
    /// * New calls and permits fail as [`ErrorKind::ShutDown`].
    /// * When `grace` is over, those who still wait for a slot fail so too, and nothing is tried again. A request that is out
    ///   goes on: its future is the caller's to drop.
    /// * What this process had booked and not used, and leases of calls that were dropped, end by themselves.
    ///
    /// Dropped while waiting: the seam stays shut down. Once more: waits again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`] if something was still under way when the time was over.
    pub async fn shutdown(&self, grace: Duration) -> Result<()> {
        let (runtime, drain) = (self.runtime(), self.in_flight());
        drain.close();
        let end = runtime.now() + grace;
        let drained = within(&**runtime, end, drain.drained()).await;
        let left = drain.count();
        if drained.is_err() {
            drain.end();
            self.inner.gates.refuse_all();
        }
        self.inner.dispatch.flushed().await;
        match drained {
            Ok(()) => Ok(()),
            Err(TimeUp) => Err(Error::new(ErrorKind::Timeout, format!("{left} calls had not ended in time"))),
        }
    }

    /// Its name: given, or the base URL. The same in every process, so that they share a bucket.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    pub(crate) fn base(&self) -> &Url {
        &self.inner.base
    }
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.inner.headers
    }
    pub(crate) fn retry(&self) -> &Retry {
        &self.inner.retry
    }
    pub(crate) fn deadline(&self) -> Duration {
        self.inner.deadline
    }
    pub(crate) fn attempt_timeout(&self) -> Duration {
        self.inner.attempt_timeout
    }
    pub(crate) fn redirects(&self) -> u8 {
        self.inner.redirects
    }
    pub(crate) fn body_limit(&self) -> usize {
        self.inner.body_limit
    }
    pub(crate) fn gate(&self) -> Option<&Gate> {
        self.inner.gate.as_ref()
    }

    /// The throttles of a stitch that are not the seam's, narrowest first.
    pub(crate) fn own_gates(&self, stitch: &str, own: Option<&Throttle>) -> Result<Vec<Gate>> {
        let each = self.inner.throttle.as_ref().filter(|throttle| throttle.is_per_stitch());
        own.into_iter().chain(each).map(|throttle| self.inner.gates.open(throttle, Some(stitch))).collect()
    }

    /// The circuit of a stitch: its own, or else that of the seam.
    pub(crate) fn circuit_of(&self, stitch: &Arc<str>, own: Option<&Circuit>) -> Result<Option<Arc<Breaker>>> {
        let circuit = own.or(self.inner.circuit.as_ref());
        circuit.map_or(Ok(None), |circuit| self.inner.circuits.of(circuit, stitch))
    }
    pub(crate) fn auth(&self) -> Option<&dyn AuthStrategy> {
        self.inner.auth.as_deref()
    }
    pub(crate) fn login_settings(&self) -> &Arc<LoginSettings> {
        &self.inner.login_settings
    }
    pub(crate) fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }
    pub(crate) fn cache(&self) -> Option<Policy> {
        self.inner.cache
    }
    pub(crate) fn response_cache(&self) -> &ResponseCache {
        &self.inner.response_cache
    }
    pub(crate) fn transport(&self) -> &dyn Transport {
        &*self.inner.transport
    }
    pub(crate) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.inner.runtime
    }
    pub(crate) fn in_flight(&self) -> &Arc<InFlight> {
        &self.inner.in_flight
    }

    /// Returns the context of a call of `stitch` that ends at `deadline`, with a new id, for the principal of this seam.
    pub(crate) fn call_context(&self, stitch: &Arc<str>, deadline: Tick) -> CallContext {
        let runtime = self.runtime().clone();
        let trace = Trace {
            dispatch: self.inner.dispatch.clone(),
            seam: self.inner.name.clone(),
            stitch: stitch.clone(),
            call: CallId(runtime.random()),
            runtime,
        };
        CallContext {
            trace,
            principal: self.principal.clone(),
            store: self.inner.store.clone(),
            vault: self.inner.vault.clone(),
            deadline,
            in_flight: self.inner.in_flight.clone(),
        }
    }
}

/// The units of a call, where that is not one plain call.
fn odd(units: Cow<'_, Units>) -> Option<Units> {
    match units {
        Cow::Borrowed(_) => None,
        Cow::Owned(odd) => Some(odd),
    }
}

/// Its name and no more: a header may be a secret.
impl fmt::Debug for Seam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seam").field("name", &self.inner.name).finish_non_exhaustive()
    }
}
