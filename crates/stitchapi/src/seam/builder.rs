//! The declaration of a seam, validated by `build`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use stitchapi_core::{MemoryStore, Runtime, StitchStore, Transport};
use url::{Position, Url};

use super::default_parts::{default_runtime, default_transport};
use super::handle::{Seam, SeamParts};
use super::settings::{CommonSettings, ValidSettings, require_positive};
use crate::auth::{AuthStrategy, IntoAuthStrategy, LoginSettings};
use crate::cache::{Cache, ResponseCache};
use crate::circuit::{Circuit, CircuitRegistry};
use crate::endpoint::{UrlError, parse_header_value, parse_http_url};
use crate::error::{Error, ErrorKind, Result};
use crate::retry::Retry;
use crate::store;
use crate::throttle::{BucketRegistry, Throttle, ThrottleContext};
use crate::trace::{Dispatch, Trace, TraceSink};
use crate::vault::Vault;

/// Declares a seam. Invalid values are reported by [`build`](Self::build), not by a setter.
///
/// ```no_run
/// # fn main() -> stitchapi::Result<()> {
/// use std::time::Duration;
///
/// use stitchapi::{Cache, Circuit, Retry, Seam, Throttle, auth, env};
///
/// let tracker = Seam::builder("https://tracker.example.com/v1")
///     .throttle(Throttle::rate("10/s").burst(3))
///     .auth(auth::bearer(env("TRACKER_TOKEN")))
///     .cache(Cache::ttl(Duration::from_secs(60)).shared())
///     .circuit(Circuit::default())
///     .retry(Retry::times(3))
///     .deadline(Duration::from_secs(30))
///     .header("x-client", "worker")
///     .build()?;
/// # let _ = tracker; Ok(()) }
/// ```
#[must_use]
pub struct SeamBuilder {
    base_url: String,
    settings: CommonSettings,
    store: Option<Arc<dyn StitchStore>>,
    auth: Option<Arc<dyn AuthStrategy>>,
    vault: Option<Vault>,
    attempt_timeout: Duration,
    redirects: u8,
    body_limit: usize,
    sinks: Vec<Arc<dyn TraceSink>>,
    transport: Option<Arc<dyn Transport>>,
    runtime: Option<Arc<dyn Runtime>>,
}

/// Default time limit of a whole call.
const DEADLINE: Duration = Duration::from_secs(60);
/// Default time limit of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Default maximum size of a response body, in bytes.
const BODY_LIMIT: usize = 10 << 20;

impl Seam {
    /// Starts the declaration of a seam. `base_url` is an `http` or `https` URL, with a path if the API has one.
    pub fn builder(base_url: impl Into<String>) -> SeamBuilder {
        SeamBuilder {
            base_url: base_url.into(),
            settings: CommonSettings::default(),
            store: None,
            auth: None,
            vault: None,
            attempt_timeout: ATTEMPT_TIMEOUT,
            redirects: 0,
            body_limit: BODY_LIMIT,
            sinks: Vec::new(),
            transport: None,
            runtime: None,
        }
    }
}

impl SeamBuilder {
    /// Sets the name in events and in keys of the store. Seams with the same name and the same store share a budget.
    /// The default is the base URL, which is equal in every process.
    pub fn name(mut self, name: &str) -> Self {
        self.settings.name = Some(name.to_owned());
        self
    }

    /// Sets the store that processes share. All processes with this store then share the budget, the sessions, the
    /// cache and the circuits. The default is a [`MemoryStore`], which only this process uses.
    pub fn store(mut self, store: impl StitchStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Limits the calls of this seam. The default is no limit.
    pub fn throttle(mut self, throttle: Throttle) -> Self {
        self.settings.throttle = Some(throttle);
        self
    }

    /// Sets how calls authenticate: an [`AuthStrategy`], such as [`bearer`](crate::auth::bearer()), or a
    /// [`Login`](crate::auth::Login), such as `ClientCredentials`. By default they carry no credentials.
    ///
    /// ```no_run
    /// # #[cfg(feature = "oauth2")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
    /// use stitchapi::auth::oauth2::ClientCredentials;
    /// use stitchapi::{Seam, auth, env};
    ///
    /// let with_a_token = Seam::builder("https://api.example.com").auth(auth::bearer(env("API_TOKEN"))).build()?;
    ///
    /// let login = ClientCredentials::new("https://login.example.com/token", "my-client", env("CLIENT_SECRET"));
    /// let with_a_login = Seam::builder("https://api.example.com").auth(login).build()?;
    /// # Ok(()) }
    /// # #[cfg(not(feature = "oauth2"))] fn main() {}
    /// ```
    pub fn auth<Kind>(mut self, auth: impl IntoAuthStrategy<Kind>) -> Self {
        self.auth = Some(Arc::new(auth.into_auth_strategy()));
        self
    }

    /// Sets how sessions are sealed in the [`store`](Self::store), and the key that hashes the principals in the keys
    /// of the store. Required if the seam has a store and [logs in](crate::auth::session). On a seam without a store
    /// `build` fails, because a vault has no effect there.
    pub fn vault(mut self, vault: Vault) -> Self {
        self.vault = Some(vault);
        self
    }

    /// Caches the responses of GET and HEAD stitches. The default is no cache. A stitch may declare its own.
    pub fn cache(mut self, cache: Cache) -> Self {
        self.settings.cache = Some(cache);
        self
    }

    /// Sets the circuit breaker of stitches. The default is none. A stitch may declare its own.
    pub fn circuit(mut self, circuit: Circuit) -> Self {
        self.settings.circuit = Some(circuit);
        self
    }

    /// Sets when a failed attempt is retried. The default is [`Retry::default`]. A stitch may declare its own.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.settings.retry = Some(retry);
        self
    }

    /// Sets the time limit of a whole call: waiting, credentials, store and retries included. The default is 60 s. A
    /// stitch may declare its own.
    pub fn deadline(mut self, whole_call: Duration) -> Self {
        self.settings.deadline = Some(whole_call);
        self
    }

    /// Sets the time limit of one attempt, from the request to the last byte of the response. The default is 10 s.
    pub fn attempt_timeout(mut self, one_attempt: Duration) -> Self {
        self.attempt_timeout = one_attempt;
        self
    }

    /// Adds a header to every call. A stitch or a call may replace it. A name may be declared once.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.settings.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the maximum number of redirects that a call follows. Each of them takes a slot of its own. The default is
    /// 0, so that a 3xx is [`ErrorKind::Status`].
    ///
    /// Credentials are sent to the same origin only. A redirect from `https` to `http` is not followed. After a 303 the
    /// next request is a GET without a body (a HEAD stays a HEAD); only after a 307 or 308 is a body sent again.
    pub fn redirects(mut self, at_most: u8) -> Self {
        self.redirects = at_most;
        self
    }

    /// Sets the maximum size of a response body, in bytes. A larger body is [`ErrorKind::TooLarge`]. The default is 10
    /// MiB.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Adds a sink that receives the events of the seam.
    pub fn sink(mut self, sink: impl TraceSink) -> Self {
        self.sinks.push(Arc::new(sink));
        self
    }

    /// Sets the transport that sends requests. The default is `ReqwestTransport` with a client of its own.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Sets the runtime: clocks, tasks and random numbers. The default is the tokio runtime that is current when
    /// `build` is called.
    pub fn runtime(mut self, runtime: impl Runtime) -> Self {
        self.runtime = Some(Arc::new(runtime));
        self
    }

    /// Validates the declaration and creates the seam.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], which names the invalid setting and says what to write instead.
    pub fn build(self) -> Result<Seam> {
        let base = validate_base_url(&self.base_url)?;
        require_positive("attempt timeout", Some(self.attempt_timeout))?;
        if self.body_limit == 0 {
            return Err(Error::config("body limit: must be greater than zero; a larger response is an error"));
        }
        let ValidSettings { name, headers, retry, deadline, throttle, cache, circuit } =
            self.settings.validate(self.auth.is_some())?;
        let name: Arc<str> = name.unwrap_or_else(|| base.as_str().trim_end_matches('/').to_owned()).into();
        let headers = with_user_agent(headers)?;
        let runtime = self.runtime.map_or_else(default_runtime, Ok)?;
        let transport = self.transport.map_or_else(default_transport, Ok)?;
        validate_auth(self.auth.as_deref())?;
        let vault = choose_vault(self.vault, self.auth.as_deref(), self.store.is_some())?;
        let dispatch = Dispatch::new(self.sinks);
        let host = &base[Position::BeforeHost..Position::AfterPort];
        let has_store = self.store.is_some();
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::with_clock_of(runtime.clone())));
        let store = Arc::new(store::Client::new(store, runtime.clone()));
        // Without a declared store, throttles and circuits keep their state in memory, which is faster than a
        // `MemoryStore`.
        let declared_store = has_store.then(|| store.clone());
        let bucket_registry = BucketRegistry::new(ThrottleContext {
            seam: name.clone(),
            host: host.to_owned(),
            store: declared_store.clone(),
            vault: vault.clone(),
            runtime: runtime.clone(),
            trace: Trace::of_seam(dispatch.clone(), runtime.clone(), name.clone()),
        });
        let bucket_handle = match &throttle {
            Some(throttle) if !throttle.is_per_stitch() => Some(bucket_registry.declare(throttle, None)?),
            _ => None,
        };
        let circuits = CircuitRegistry::new(name.clone(), host, declared_store, runtime.clone());
        let retry = retry.unwrap_or_default();
        let deadline = deadline.unwrap_or(DEADLINE);
        let login_settings = Arc::new(LoginSettings {
            transport: transport.clone(),
            user_agent: headers.get(header::USER_AGENT).cloned(),
            attempt_timeout: self.attempt_timeout,
            deadline,
            retry: retry.clone(),
        });
        let parts = SeamParts {
            name,
            base,
            headers,
            retry,
            deadline,
            attempt_timeout: self.attempt_timeout,
            redirects: self.redirects,
            body_limit: self.body_limit,
            bucket_registry,
            bucket_handle,
            throttle,
            circuits,
            circuit,
            cache: cache.flatten(),
            response_cache: ResponseCache::new(),
            auth: self.auth,
            login_settings,
            vault,
            store,
            transport,
            runtime,
            dispatch,
            in_flight: Arc::default(),
        };
        Ok(Seam { parts: Arc::new(parts), principal: None })
    }
}

/// Shows the name only. A header, or a base URL that is not validated yet, may contain a secret.
impl fmt::Debug for SeamBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeamBuilder").field("name", &self.settings.name).finish_non_exhaustive()
    }
}

fn validate_base_url(text: &str) -> Result<Url> {
    let invalid = |what: &str| Error::config(format!("base URL: {what}"));
    let base = parse_http_url(text).map_err(|error| match error {
        UrlError::Credentials => invalid("contains a user name or a password; set credentials with .auth(strategy)"),
        error => invalid(&error.to_string()).with_source(error),
    })?;
    if base.query().is_some() {
        return Err(invalid("has a query; declare it with .query(name, template) of a stitch"));
    }
    Ok(base)
}

/// Returns the headers of every call: the declared ones, and `User-Agent` if it is not declared.
fn with_user_agent(declared: Vec<(HeaderName, String)>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let agent = concat!("stitchapi/", env!("CARGO_PKG_VERSION"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    for (name, value) in declared {
        let value = parse_header_value(&name, &value, ErrorKind::Config)?;
        headers.insert(name, value);
    }
    Ok(headers)
}

fn validate_auth(auth: Option<&dyn AuthStrategy>) -> Result<()> {
    let invalid = |error| Error::config(format!("auth: {error}")).with_source(error);
    auth.map_or(Ok(()), |auth| auth.validate().map_err(invalid))
}

/// Returns the declared vault, or a plain-text vault if no session is stored outside the process.
///
/// # Errors
///
/// [`ErrorKind::Config`] for an invalid vault, for a vault without a store, and for sessions in a store without a
/// vault.
fn choose_vault(declared: Option<Vault>, auth: Option<&dyn AuthStrategy>, has_store: bool) -> Result<Vault> {
    let keeps_sessions = auth.is_some_and(AuthStrategy::keeps_sessions);
    let vault = match declared {
        Some(_) if !has_store => {
            return Err(Error::config("vault: has no effect without a store; add .store(..), or remove .vault(..)"));
        }
        Some(vault) => vault,
        None if has_store && keeps_sessions => {
            return Err(Error::config(
                "vault: required for sessions in a store; set .vault(Vault::sealed(key)), or .vault(Vault::plaintext()) to \
                 store them unsealed",
            ));
        }
        None => Vault::plaintext(),
    };
    vault.validate()?;
    Ok(vault)
}
