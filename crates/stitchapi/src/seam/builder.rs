//! The declaration of a seam; `build` judges it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use stitchapi_core::{MemoryStore, Runtime, StitchStore, Transport};
use url::{Position, Url};

use super::{Inner, Seam};
use crate::auth::{AuthStrategy, IntoAuthStrategy, LoginSettings};
use crate::cache::{Cache, ResponseCache};
use crate::circuit::{Circuit, Circuits};
use crate::endpoint::{UrlError, parse_header_name, parse_header_value, parse_http_url};
use crate::error::{Error, ErrorKind, Result};
use crate::retry::Retry;
use crate::store::Client;
use crate::throttle::{Gates, Ground, Throttle};
use crate::trace::{Dispatch, Trace, TraceSink};
use crate::vault::Vault;

/// Collects what a seam is. Every mistake of every setter is reported by [`build`](Self::build).
#[must_use]
pub struct SeamBuilder {
    base_url: String,
    name: Option<String>,
    store: Option<Arc<dyn StitchStore>>,
    throttle: Option<Throttle>,
    auth: Option<Arc<dyn AuthStrategy>>,
    vault: Option<Vault>,
    cache: Option<Cache>,
    circuit: Option<Circuit>,
    retry: Retry,
    deadline: Duration,
    attempt_timeout: Duration,
    headers: Vec<(String, String)>,
    redirects: u8,
    body_limit: usize,
    sinks: Vec<Arc<dyn TraceSink>>,
    transport: Option<Arc<dyn Transport>>,
    runtime: Option<Arc<dyn Runtime>>,
}

impl SeamBuilder {
    pub(super) fn new(base_url: String) -> Self {
        Self {
            base_url,
            name: None,
            store: None,
            throttle: None,
            auth: None,
            vault: None,
            cache: None,
            circuit: None,
            retry: Retry::default(),
            deadline: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(10),
            headers: Vec::new(),
            redirects: 0,
            body_limit: 10 << 20,
            sinks: Vec::new(),
            transport: None,
            runtime: None,
        }
    }

    /// Its name in events and in the store's keys: seams of one name on one store share a budget. The default is the base
    /// URL, the same in every process.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// What makes it fleet-wide. The default is a [`MemoryStore`], this process' own.
    pub fn store(mut self, store: impl StitchStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// How fast its calls may start. The default is no limit.
    pub fn throttle(mut self, throttle: Throttle) -> Self {
        self.throttle = Some(throttle);
        self
    }

    /// Sets how its calls authenticate: an [`AuthStrategy`], such as [`bearer`](crate::auth::bearer()), or a
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

    /// How sessions are kept in the store. A store needs one if the seam [logs in](crate::auth::session).
    pub fn vault(mut self, vault: Vault) -> Self {
        self.vault = Some(vault);
        self
    }

    /// Whether the answers of its GET and HEAD stitches are kept. The default is not; a stitch may say otherwise.
    pub fn cache(mut self, cache: Cache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// When its API counts as down and is left alone for a while. The default is never; a stitch may say otherwise.
    pub fn circuit(mut self, circuit: Circuit) -> Self {
        self.circuit = Some(circuit);
        self
    }

    /// When failed attempts are tried again. The default is [`Retry::default`].
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Bounds a whole call: waiting, credentials, store, retries. The default is 60 s.
    pub fn deadline(mut self, whole_call: Duration) -> Self {
        self.deadline = whole_call;
        self
    }

    /// Bounds one attempt, from the request to the last byte of the answer. The default is 10 s.
    pub fn attempt_timeout(mut self, one_attempt: Duration) -> Self {
        self.attempt_timeout = one_attempt;
        self
    }

    /// A header of every call.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How many redirects a call follows, each on a slot of its own. The default is none: a 3xx is
    /// [`ErrorKind::Status`](crate::ErrorKind::Status).
    ///
    /// Credentials go to the same origin only; nothing goes from `https` to `http`. 303 becomes GET; a body is sent
    /// again on 307 and 308 only.
    pub fn redirects(mut self, at_most: u8) -> Self {
        self.redirects = at_most;
        self
    }

    /// The largest answer, in bytes; a larger one is [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge). The default is
    /// 10 MiB.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Where its events go. May be repeated.
    pub fn sink(mut self, sink: impl TraceSink) -> Self {
        self.sinks.push(Arc::new(sink));
        self
    }

    /// How requests are sent. The default is `ReqwestTransport` with a client of its own.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// The surroundings. The default is the tokio runtime that is current when `build` is called.
    pub fn runtime(mut self, runtime: impl Runtime) -> Self {
        self.runtime = Some(Arc::new(runtime));
        self
    }

    /// Judges everything and makes the seam.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), naming what is wrong and the way out.
    pub fn build(self) -> Result<Seam> {
        let base = validate_base_url(&self.base_url)?;
        let name: Arc<str> = self.name.unwrap_or_else(|| base.as_str().trim_end_matches('/').to_owned()).into();
        if self.deadline.is_zero() || self.attempt_timeout.is_zero() {
            return Err(Error::config("a deadline or an attempt timeout of zero ends every call before it begins"));
        }
        let headers = validate_headers(&self.headers)?;
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => default_runtime()?,
        };
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport()?,
        };
        if let Some(auth) = &self.auth {
            auth.validate().map_err(|error| Error::config(format!("auth: {error}")).with_source(error))?;
        }
        let keeps_sessions = self.auth.as_ref().is_some_and(AuthStrategy::keeps_sessions);
        let vault = match self.vault {
            Some(vault) => vault,
            None if self.store.is_some() && keeps_sessions => {
                return Err(Error::config(
                    "sessions in a store are sealed: .vault(Vault::sealed(key)), or .vault(Vault::plaintext()) on purpose",
                ));
            }
            // What never leaves the process needs no seal.
            None => Vault::plaintext(),
        };
        vault.validate()?;
        let cache = match &self.cache {
            Some(cache) => cache.validate(self.auth.is_some())?,
            None => None,
        };
        if let Some(circuit) = &self.circuit {
            circuit.judge()?;
        }
        let dispatch = Dispatch::new(self.sinks);
        let host = &base[Position::BeforeHost..Position::AfterPort];
        let is_shared = self.store.is_some();
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::on(runtime.clone())));
        let store = Arc::new(Client::new(store, runtime.clone()));
        let shared = is_shared.then(|| store.clone());
        let gates = Gates::new(Ground {
            seam: name.clone(),
            host: host.to_owned(),
            store: shared.clone(),
            vault: vault.clone(),
            runtime: runtime.clone(),
            trace: Trace::of_seam(dispatch.clone(), runtime.clone(), name.clone()),
        });
        let throttle = self.throttle;
        let gate = match &throttle {
            Some(throttle) if !throttle.is_per_stitch() => Some(gates.open(throttle, None)?),
            _ => None,
        };
        let login_settings = Arc::new(LoginSettings {
            transport: transport.clone(),
            user_agent: headers.get(header::USER_AGENT).cloned(),
            attempt_timeout: self.attempt_timeout,
            deadline: self.deadline,
            retry: self.retry.clone(),
        });
        let inner = Inner {
            circuits: Circuits::new(name.clone(), host, shared, runtime.clone()),
            circuit: self.circuit,
            response_cache: ResponseCache::new(),
            vault,
            store,
            cache,
            name,
            base,
            headers,
            retry: self.retry,
            deadline: self.deadline,
            attempt_timeout: self.attempt_timeout,
            redirects: self.redirects,
            body_limit: self.body_limit,
            gates,
            gate,
            throttle,
            auth: self.auth,
            login_settings,
            transport,
            runtime,
            dispatch,
            in_flight: Arc::default(),
        };
        Ok(Seam { inner: Arc::new(inner), principal: None })
    }
}

/// Its name and no more: a header, and a base URL that has not been judged, may be a secret.
impl fmt::Debug for SeamBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeamBuilder").field("name", &self.name).finish_non_exhaustive()
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

fn validate_headers(headers: &[(String, String)]) -> Result<HeaderMap> {
    let mut validated = HeaderMap::new();
    let agent = concat!("stitchapi/", env!("CARGO_PKG_VERSION"));
    validated.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    for (name, value) in headers {
        let header = parse_header_name(name, ErrorKind::Config)?;
        let value = parse_header_value(&header, value, ErrorKind::Config)?;
        validated.insert(header, value);
    }
    Ok(validated)
}

#[cfg(feature = "tokio")]
fn default_runtime() -> Result<Arc<dyn Runtime>> {
    match crate::runtime::TokioRuntime::current() {
        Some(runtime) => Ok(Arc::new(runtime)),
        None => Err(Error::config("no tokio runtime is current: build inside one, or give a .runtime(..)")),
    }
}

#[cfg(not(feature = "tokio"))]
fn default_runtime() -> Result<Arc<dyn Runtime>> {
    Err(Error::config("without the tokio feature a seam needs a .runtime(..)"))
}

#[cfg(feature = "rustls")]
fn default_transport() -> Result<Arc<dyn Transport>> {
    match crate::transport::ReqwestTransport::build(reqwest::Client::builder()) {
        Ok(transport) => Ok(Arc::new(transport)),
        Err(error) => Err(Error::config("the default HTTP client cannot be made").with_source(error)),
    }
}

#[cfg(not(feature = "rustls"))]
fn default_transport() -> Result<Arc<dyn Transport>> {
    Err(Error::config("without the rustls feature a seam needs a .transport(..)"))
}
