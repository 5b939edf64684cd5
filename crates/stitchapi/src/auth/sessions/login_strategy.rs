//! [`Sessions`]: the strategy that is made from a [`Login`]. It keeps one session for the whole fleet.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use http::response::Parts;
use stitchapi_core::{Body, Version};

use super::session_cache::{Instants, LoginResult, SessionCache};
use super::session_key::{SessionAddress, SessionKey};
use super::session_refresh::SessionRefresh;
use crate::auth::context::AuthContext;
use crate::auth::error::AuthError;
use crate::auth::login::Login;
use crate::auth::strategy::{AuthStrategy, Credential, Verdict};
use crate::single_flight::{FlightRecord, FlightResult, FlightTask as _, InProcessFlights, run_once};

/// Strategy that logs in and keeps the session for the whole fleet. Created by [`session`], or by
/// [`SeamBuilder::auth`](crate::SeamBuilder::auth) from a [`Login`].
pub struct Sessions(Arc<Shared>);

/// What the calls of one strategy share in this process.
struct Shared {
    login: Arc<dyn Login>,
    cache: SessionCache,
    flights: InProcessFlights<LoginResult>,
}

/// Creates the strategy that logs in with `login` when there is no session, when the session expires, and when the API
/// rejects it.
///
/// `.auth(login)` does the same; write `.auth(session(login))` for a type that is also an [`AuthStrategy`].
///
/// * **One login for the fleet.** The session is kept in the seam's store, as the [vault](crate::Vault) encodes it. A
///   process that finds no session acquires a lease, reads the store again, and logs in; the other processes wait for
///   its outcome. If the lease holder dies, its lease expires after 1 s (after four timeouts of a slower store), and a
///   waiting process acquires it. At most one login of an account runs at a time, provided that the store keeps its
///   state and no process is paused until its lease has expired.
/// * A session is replaced before its expiry: a tenth of its lifetime earlier, but at most 10 s earlier.
/// * After a 401 the call replaces the rejected session, once, unless another call or process has replaced it already:
///   then the call uses the new one. A session that is rejected within 5 s of its login is not replaced, and the call
///   fails with the 401.
/// * A failed login fails all calls that wait for it, and the calls of the next second, or of the time that the login
///   service requests, up to a minute. If the old session has neither expired nor been rejected, all these calls use it
///   instead of failing.
/// * If the store fails, each process uses the session that it remembers, and logs in for itself when that session
///   expires.
/// * A store without leases or versioned values is not used: each process logs in for itself.
/// * Each of your users ([`as_principal`](crate::Seam::as_principal)) has a session of its own, unless
///   [`Login::is_per_principal`] returns `false`.
///
/// ```no_run
/// # #[cfg(feature = "oauth2")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
/// use stitchapi::auth::{oauth2::ClientCredentials, session};
/// use stitchapi::{Seam, env};
///
/// let login = ClientCredentials::new("https://login.example.com/token", "my-client", env("CLIENT_SECRET"));
/// let api = Seam::builder("https://api.example.com").auth(session(login)).build()?;
/// # Ok(()) }
/// # #[cfg(not(feature = "oauth2"))] fn main() {}
/// ```
#[must_use]
pub fn session(login: impl Login) -> Sessions {
    let panicked = || Err(Arc::new(AuthError::new("the login panicked")));
    let flights = InProcessFlights::new(panicked);
    Sessions(Arc::new(Shared { login: Arc::new(login), cache: SessionCache::default(), flights }))
}

#[async_trait]
impl AuthStrategy for Sessions {
    async fn prepare(&self, context: &AuthContext<'_>) -> Result<Arc<dyn Credential>, AuthError> {
        let key = SessionKey::new(&*self.0.login, context);
        let stored = match self.0.cache.get(&key, instants(context)) {
            Some(cached) => cached?,
            None => self.0.join_flight(key, context).await.map_err(|error| AuthError::from_shared(&error))?,
        };
        let inner = self.0.login.credential(&stored.session)?;
        let expires_at = stored.session.expires_at();
        Ok(Arc::new(SessionCredential { inner, version: stored.version, expires_at }))
    }

    async fn rejected(
        &self,
        context: &AuthContext<'_>,
        used: &dyn Credential,
        _: &Parts,
    ) -> Result<Verdict, AuthError> {
        let Some(used) = (used as &dyn Any).downcast_ref::<SessionCredential>() else { return Ok(Verdict::GiveUp) };
        let key = SessionKey::new(&*self.0.login, context);
        Ok(self.0.cache.reject(&key, used.version, context.runtime().wall()))
    }

    fn keeps_sessions(&self) -> bool {
        true
    }

    fn validate(&self) -> Result<(), AuthError> {
        self.0.login.validate()
    }
}

impl Shared {
    /// Joins the flight that replaces this session, or begins it. Where the runtime cannot join callers, replaces the
    /// session within this call.
    async fn join_flight(self: &Arc<Self>, key: SessionKey, context: &AuthContext<'_>) -> LoginResult {
        let address = SessionAddress::new(&*self.login, context);
        let record_key = address.record.clone();
        let (shared, call, settings) = (self.clone(), context.call().clone(), context.settings().clone());
        let refresh = async move { shared.refresh(key, address, &AuthContext::new(&call, &settings)).await };
        if !context.runtime().joins_callers() {
            return refresh.await;
        }
        let (flight, begun) = self.flights.join(&record_key, || Box::pin(refresh));
        if begun {
            // A spawned task polls the flight to its end, so that a token is not lost if its request was sent and the
            // callers are dropped.
            let in_flight = context.call().in_flight.count_task();
            context.runtime().spawn(Box::pin(flight.clone().map(|_| drop(in_flight))));
        }
        flight.await
    }

    /// Reads the session from the store, or logs in once for the fleet, and puts the result into the cache.
    async fn refresh(
        self: Arc<Self>,
        key: SessionKey,
        address: SessionAddress,
        context: &AuthContext<'_>,
    ) -> LoginResult {
        // Another flight may have ended after the caller read the cache and before this flight began.
        if let Some(Ok(session)) = self.cache.get(&key, instants(context)) {
            return Ok(session);
        }
        let call = context.call();
        let (rejected, previous) = self.cache.to_replace(&key);
        let refresh = SessionRefresh::new(&*self.login, context, &address, rejected, previous);
        let record = FlightRecord::new(call.store.clone(), call.trace.clone(), &address.flight_key_parts());
        let loaded = if call.store.has_versioned() { record.with_one_retry(|| refresh.load()).await } else { Ok(None) };
        let result = match loaded {
            Ok(Some(session)) => FlightResult::Ready(session),
            Ok(None) => run_once(&record, &refresh).await,
            Err(_) => refresh.fetch(None).await.result.into(),
        };
        let result = match result {
            FlightResult::Ready(session) => Ok(Arc::new(session)),
            FlightResult::Failed(error) => Err(Arc::new(error)),
            FlightResult::FailedElsewhere(failure) => {
                let error = AuthError::new(failure.what).with_retryable(failure.retryable);
                Err(Arc::new(error.with_retry_after(failure.retry_after)))
            }
        };
        self.cache.insert(key, result, instants(context))
    }
}

fn instants(context: &AuthContext<'_>) -> Instants {
    let runtime = context.runtime();
    Instants { now: runtime.now(), wall: runtime.wall() }
}

/// Credential of a session, with the version that identifies the session when the API rejects it.
#[derive(Debug)]
struct SessionCredential {
    inner: Arc<dyn Credential>,
    version: Version,
    /// Expiry of the session.
    expires_at: SystemTime,
}

impl Credential for SessionCredential {
    fn apply(&self, request: &mut http::Request<Body>) -> Result<(), AuthError> {
        self.inner.apply(request)
    }

    fn expires_at(&self) -> Option<SystemTime> {
        Some(self.inner.expires_at().map_or(self.expires_at, |at| at.min(self.expires_at)))
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("login", &self.0.login).finish_non_exhaustive()
    }
}
