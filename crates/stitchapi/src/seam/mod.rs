//! What the calls of one API share.

mod builder;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use stitchapi_core::{Runtime, Transport};
use url::Url;

pub use builder::SeamBuilder;

use crate::StitchBuilder;
use crate::auth::AuthStrategy;
use crate::resilience::Retry;
use crate::throttle::Bucket;
use crate::trace::Dispatch;

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
pub struct Seam(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    base: Url,
    headers: HeaderMap,
    retry: Retry,
    deadline: Duration,
    attempt_timeout: Duration,
    redirects: u8,
    body_limit: usize,
    bucket: Option<Bucket>,
    auth: Option<Arc<dyn AuthStrategy>>,
    transport: Arc<dyn Transport>,
    runtime: Arc<dyn Runtime>,
    dispatch: Arc<Dispatch>,
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

    /// Its name: given, or the base URL. The same in every process, so that they share a bucket.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn name_arc(&self) -> Arc<str> {
        self.0.name.clone()
    }
    pub(crate) fn base(&self) -> &Url {
        &self.0.base
    }
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }
    pub(crate) fn retry(&self) -> &Retry {
        &self.0.retry
    }
    pub(crate) fn deadline(&self) -> Duration {
        self.0.deadline
    }
    pub(crate) fn attempt_timeout(&self) -> Duration {
        self.0.attempt_timeout
    }
    pub(crate) fn redirects(&self) -> u8 {
        self.0.redirects
    }
    pub(crate) fn body_limit(&self) -> usize {
        self.0.body_limit
    }
    pub(crate) fn bucket(&self) -> Option<&Bucket> {
        self.0.bucket.as_ref()
    }
    pub(crate) fn auth(&self) -> Option<&dyn AuthStrategy> {
        self.0.auth.as_deref()
    }
    pub(crate) fn transport(&self) -> &dyn Transport {
        &*self.0.transport
    }
    pub(crate) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.0.runtime
    }
    pub(crate) fn dispatch(&self) -> &Arc<Dispatch> {
        &self.0.dispatch
    }
}

/// Its name and no more: a header may be a secret.
impl fmt::Debug for Seam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seam").field("name", &self.0.name).finish_non_exhaustive()
    }
}
