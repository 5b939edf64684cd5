//! The strategy that logs in: one session for a fleet.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use http::response::Parts;
use stitchapi_core::{Body, Key, Tick, Version};

use super::keep::{Keeping, Kept, principal_of};
use super::{AuthContext, AuthError, AuthStrategy, Credential, Login, Verdict};
use crate::Principal;
use crate::single_flight::{FlightRecord, FlightResult, FlightTask as _, InProcessFlights, failure_ttl, run_once};

/// A token that is rejected within this of having been got is not replaced: the next one would be rejected, too.
const YOUNG: Duration = Duration::from_secs(5);
/// After a failed login all wait for so long before the next one.
pub(super) const BACK_OFF: Duration = Duration::from_secs(1);

/// Logs in, and keeps the session for the whole fleet. Made by [`session`].
pub struct Sessions(Arc<Shared>);

/// What the calls of one process share.
struct Shared {
    login: Arc<dyn Login>,
    known: Mutex<HashMap<Whose, Known>>,
    flights: InProcessFlights<Result<Arc<Kept>, Arc<AuthError>>>,
}

/// Which session, as this process tells them apart: nothing is hashed for a call whose session is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Whose {
    seam: Arc<str>,
    principal: Option<Principal>,
}

impl Whose {
    fn of(login: &dyn Login, context: &AuthContext<'_>) -> Self {
        Self { seam: context.whole_seam().name_arc(), principal: principal_of(login, context).cloned() }
    }
}

/// What this process knows of one session.
#[derive(Default)]
struct Known {
    kept: Option<Arc<Kept>>,
    /// The version that the API has rejected last.
    rejected: Option<Version>,
    failed: Option<(Tick, Arc<AuthError>)>,
}

/// Logs in with `login` when there is no session yet, when it ends, and when the API rejects it.
///
/// * **One login for the fleet.** The session is kept in the seam's store, sealed as the [vault](crate::Vault) says. Whoever
///   finds none takes a lease, looks again, and logs in; everybody else waits for that one. If it dies, another takes
///   over within a second. At most one login is under way for an account while no process is paused beyond its lease and
///   the store keeps its state.
/// * A session is used until shortly before its end: a tenth of its lifetime, at most 10 s.
/// * After a 401 the session is replaced if it still is the one that was rejected, once; what another process has
///   replaced already is taken from the store. A session that is rejected within 5 s of its login is not replaced: the
///   401 stands.
/// * A failed login fails all calls that wait for it, and those of the next second, or of as long as the other side has
///   asked for, up to a minute. While the old session has not ended, that is used instead.
/// * If the store fails, the process goes on with the session it has, and logs in alone when that ends.
/// * A store without leases or versioned values is not used: each process logs in by itself.
/// * [`as_principal`](crate::Seam::as_principal): each of your users has a session of its own, unless the login
///   [says otherwise](Login::is_per_principal).
#[must_use]
pub fn session(login: impl Login) -> Sessions {
    Sessions(Arc::new(Shared {
        login: Arc::new(login),
        known: Mutex::default(),
        flights: InProcessFlights::new(panicked),
    }))
}

fn panicked() -> Result<Arc<Kept>, Arc<AuthError>> {
    Err(Arc::new(AuthError::new("the login panicked")))
}

#[async_trait]
impl AuthStrategy for Sessions {
    async fn prepare(&self, context: &AuthContext<'_>) -> Result<Arc<dyn Credential>, AuthError> {
        let whose = Whose::of(&*self.0.login, context);
        let kept = match self.0.current(&whose, context) {
            Some(kept) => kept?,
            None => self.0.get(whose, context).await.map_err(|error| AuthError::of_flight(&error))?,
        };
        let inner = self.0.login.credential(&kept.session)?;
        Ok(Arc::new(OfSession { inner, version: kept.version, expires_at: kept.session.expires_at() }))
    }

    async fn rejected(
        &self,
        context: &AuthContext<'_>,
        used: &dyn Credential,
        _: &Parts,
    ) -> Result<Verdict, AuthError> {
        let Some(used) = (used as &dyn Any).downcast_ref::<OfSession>() else { return Ok(Verdict::GiveUp) };
        let mut known = self.0.known();
        // What is not known any more, or another one by now, needs no replacing.
        let Some(known) = known.get_mut(&Whose::of(&*self.0.login, context)) else { return Ok(Verdict::TryAgain) };
        if let Some(kept) = known.kept.as_ref().filter(|kept| kept.version == used.version) {
            // Whoever has logged in may have another idea of the time.
            let age = match context.runtime().wall().duration_since(kept.session.obtained_at()) {
                Ok(age) => age,
                Err(ahead) => ahead.duration(),
            };
            if age < YOUNG {
                return Ok(Verdict::GiveUp);
            }
            known.rejected = Some(used.version);
        }
        Ok(Verdict::TryAgain)
    }

    fn keeps_sessions(&self) -> bool {
        true
    }

    fn judge(&self) -> Result<(), AuthError> {
        self.0.login.judge()
    }
}

impl Shared {
    /// The session this process has, while it is good, or its failure to get one, while that holds: then a session that has
    /// not ended yet does.
    fn current(&self, whose: &Whose, context: &AuthContext<'_>) -> Option<Result<Arc<Kept>, AuthError>> {
        let known = self.known();
        let known = known.get(whose)?;
        let wall = context.runtime().wall();
        let kept = known.not_ended(wall);
        if let Some(kept) = kept.filter(|kept| kept.is_good(wall)) {
            return Some(Ok(kept.clone()));
        }
        let (until, error) = known.failed.as_ref().filter(|(until, _)| context.runtime().now() < *until)?;
        let left = until.since(context.runtime().now());
        Some(kept.cloned().ok_or_else(|| AuthError::of_flight(error).with_retry_after(Some(left))))
    }

    /// Takes part in the flight for this session.
    async fn get(self: &Arc<Self>, whose: Whose, context: &AuthContext<'_>) -> Result<Arc<Kept>, Arc<AuthError>> {
        let (shared, seam, trace) = (self.clone(), context.whole_seam().clone(), context.trace().clone());
        let names = Names::of(&*self.login, context);
        let key = names.session.clone();
        let getting = async move { shared.fetch(whose, names, &AuthContext::new(&seam, &trace)).await };
        if !context.runtime().joins_callers() {
            return getting.await;
        }
        let (flight, began) = self.flights.join(&key, || Box::pin(getting));
        if began {
            // It finishes by itself, whoever leaves: a token request that has been sent is not forgotten.
            let under_way = context.whole_seam().in_flight().begin_nested();
            context.runtime().spawn(Box::pin(flight.clone().map(|_| drop(under_way))));
        }
        flight.await
    }

    async fn fetch(
        self: Arc<Self>,
        whose: Whose,
        names: Names,
        context: &AuthContext<'_>,
    ) -> Result<Arc<Kept>, Arc<AuthError>> {
        // Another flight may have landed between the caller's look and this one's beginning.
        if let Some(Ok(kept)) = self.current(&whose, context) {
            return Ok(kept);
        }
        let (rejected, previous) = {
            let known = self.known();
            let known = known.get(&whose);
            (known.and_then(|known| known.rejected), known.and_then(|known| known.kept.clone()))
        };
        let keeping = Keeping::new(&*self.login, context, names.session.clone(), rejected, previous);
        let store = context.whole_seam().store();
        let meeting = FlightRecord::new(store.clone(), context.trace().clone(), &names.flight_parts());
        let looked = if store.has_versioned() { meeting.with_one_retry(|| keeping.load()).await } else { Ok(None) };
        let landed = match looked {
            Ok(Some(kept)) => FlightResult::Ready(kept),
            Ok(None) => run_once(&meeting, &keeping).await,
            Err(_) => keeping.fetch(None).await.result.into(),
        };
        let got = match landed {
            FlightResult::Ready(kept) => Ok(Arc::new(kept)),
            FlightResult::Failed(error) => Err(Arc::new(error)),
            FlightResult::FailedElsewhere(failed) => {
                let error = AuthError::new(failed.what).with_retryable(failed.retryable);
                Err(Arc::new(error.with_retry_after(failed.retry_after)))
            }
        };
        let (now, wall) = (context.runtime().now(), context.runtime().wall());
        let mut all = self.known();
        // One that has ended is of no use to anybody: of users who are gone nothing stays behind.
        all.retain(|_, known| known.is_of_use(now, wall));
        let known = all.entry(whose).or_default();
        match got {
            Ok(kept) => {
                *known = Known { kept: Some(kept.clone()), ..Known::default() };
                Ok(kept)
            }
            Err(error) => {
                known.failed = Some((now + failure_ttl(BACK_OFF, error.retry_after()), error.clone()));
                known.not_ended(wall).cloned().ok_or(error)
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Whose, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The session, if it has neither ended nor been rejected.
    fn not_ended(&self, wall: SystemTime) -> Option<&Arc<Kept>> {
        let kept = self.kept.as_ref().filter(|kept| self.rejected != Some(kept.version));
        kept.filter(|kept| kept.session.expires_at() > wall)
    }

    fn is_of_use(&self, now: Tick, wall: SystemTime) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.session.is_of_use_until() > wall)
            || self.failed.as_ref().is_some_and(|(until, _)| *until > now)
    }
}

/// Where one session is kept in the store.
struct Names {
    session: Key,
    parts: [String; 3],
}

impl Names {
    /// The account and the principal are hashed: with the vault's key, if it has one.
    fn of(login: &dyn Login, context: &AuthContext<'_>) -> Self {
        let (seam, vault) = (context.whole_seam(), context.whole_seam().vault());
        let account = vault.digest(&[b"account", login.account().as_bytes()]);
        let principal = principal_of(login, context).map(Principal::as_str);
        let principal =
            principal.map_or_else(String::new, |principal| vault.digest(&[b"principal", principal.as_bytes()]));
        let parts = [seam.name().to_owned(), account, principal];
        Self { session: seam.store().fit_key(parts.iter().fold(Key::new("session"), Key::part)), parts }
    }

    fn flight_parts(&self) -> [&str; 4] {
        let [seam, account, principal] = &self.parts;
        ["session", seam, account, principal]
    }
}

/// What a request carries, and which session that shows.
#[derive(Debug)]
struct OfSession {
    inner: Arc<dyn Credential>,
    version: Version,
    expires_at: SystemTime,
}

impl Credential for OfSession {
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
