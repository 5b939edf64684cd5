//! The replacement of one session: the task of a single flight. It reads the session from the store; if that is missing
//! or not usable, it logs in and stores the new session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stitchapi_core::{Prefix, StoreError, Version};

use super::session_key::{SessionAddress, session_principal};
use super::stored_session::StoredSession;
use crate::auth::context::AuthContext;
use crate::auth::error::AuthError;
use crate::auth::login::Login;
use crate::auth::session::Session;
use crate::principal::Principal;
use crate::runtime::{TimeUp, within};
use crate::single_flight::{FailureReason, FetchResult, FlightTask, Outcome, SharedFailure};
use crate::store::{LeaseGuard, Record, Stored};
use crate::trace::{EventKind, Unreadable};

/// Time after a failed login within which no other login begins. It is also the longest `retry_after` for which a login is
/// repeated by the retry policy instead of failing.
pub(super) const FAILED_LOGIN_BACK_OFF: Duration = Duration::from_secs(1);
/// Pause before a failed write of the session is repeated.
const WRITE_RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Maximum number of attempts to store a new session.
const MAX_WRITES: u32 = 3;
/// Shortest lifetime of a session, whatever the login states, because otherwise each call would log in. A session with
/// this lifetime is replaced after 4.5 s, because it is replaced a tenth of its lifetime before its expiry.
const MIN_LIFETIME: Duration = Duration::from_secs(5);

/// The task that replaces one session. It lasts for one single flight.
pub(super) struct SessionRefresh<'r> {
    login: &'r dyn Login,
    context: &'r AuthContext<'r>,
    record: Record,
    /// Associated data of the sealed session. A sealed session that was moved to another key or to another user does
    /// not open.
    aad: Vec<u8>,
    /// Version that the API rejected. A session of this version counts as missing.
    rejected: Option<Version>,
    last_read: Mutex<LastRead>,
}

/// What the store held when it was read last.
struct LastRead {
    /// Version that the write of the new session expects.
    version: Option<Version>,
    /// Session that a login may refresh: that of the store, or else the session that this process remembers.
    session: Option<Session>,
}

impl<'r> SessionRefresh<'r> {
    /// Creates the task. `previous` is the session that this process remembers.
    pub(super) fn new(
        login: &'r dyn Login,
        context: &'r AuthContext<'r>,
        address: &SessionAddress,
        rejected: Option<Version>,
        previous: Option<Arc<StoredSession>>,
    ) -> Self {
        let record = Record::new(context.call().store.clone(), address.record.clone(), Unreadable::Session);
        let principal = session_principal(login, context).map_or("", Principal::as_str);
        let aad = [address.record.render(&Prefix::default()).as_bytes(), b"\0", principal.as_bytes()].concat();
        let last_read = LastRead { version: None, session: previous.map(|previous| previous.session.clone()) };
        Self { login, context, record, aad, rejected, last_read: Mutex::new(last_read) }
    }

    /// Reads the session from the store, whether it is usable or not.
    async fn read(&self) -> Result<Option<StoredSession>, StoreError> {
        let call = self.context.call();
        let decode = |sealed: &[u8]| Session::from_bytes(&call.vault.open(&self.aad, sealed).ok()?);
        let Stored { version, value } = self.record.read(decode, &call.trace).await?;
        let mut last_read = self.lock_last_read();
        last_read.version = version;
        let (Some(version), Some(session)) = (version, value) else { return Ok(None) };
        last_read.session = Some(session.clone());
        Ok(Some(StoredSession { session, version }))
    }

    /// Logs in. A login that failed with a retryable error, and with no `retry_after` above 1 s, is repeated by the retry
    /// policy of the seam, until the deadline that the seam sets for a whole call. A process that has lost its lease does
    /// not repeat the login, because the next lease holder logs in.
    async fn log_in(&self, lease: Option<&LeaseGuard>) -> Result<Session, AuthError> {
        let (trace, runtime, settings) = (&self.context.call().trace, self.context.runtime(), self.context.settings());
        let previous = self.lock_last_read().session.clone();
        let ends = runtime.now() + settings.deadline;
        let mut retries = 0;
        loop {
            trace.emit(EventKind::LoginStarted);
            let begun = runtime.now();
            let error = match within(runtime, ends, self.login.login(self.context, previous.as_ref())).await {
                Ok(Ok(session)) => {
                    trace.emit(EventKind::LoginSucceeded { elapsed: runtime.now().since(begun) });
                    let wall = runtime.wall();
                    return Ok(session.with_obtained_at(wall).with_min_expiry(wall + MIN_LIFETIME));
                }
                Ok(Err(error)) => error,
                Err(TimeUp) => {
                    AuthError::new("the login did not end within the deadline of the seam").with_retryable(true)
                }
            };
            trace.emit(EventKind::LoginFailed);
            let is_soon = error.retry_after().is_none_or(|after| after <= FAILED_LOGIN_BACK_OFF);
            let may_repeat = error.is_retryable() && is_soon && lease.is_none_or(LeaseGuard::is_held);
            let pause = settings.retry.pause(retries, error.retry_after(), runtime.random());
            let Some(pause) = pause.filter(|pause| may_repeat && runtime.now() + *pause < ends) else {
                return Err(error);
            };
            retries += 1;
            runtime.sleep_until(runtime.now() + pause).await;
        }
    }

    /// Stores the session over the version read last, in at most three attempts.
    ///
    /// Returns `false` if the session is not stored:
    ///
    /// * The store has another usable session.
    /// * The last attempt found another version than the one read before it.
    /// * An attempt found another version, and is not repeated because the lease was lost.
    /// * The vault could not seal the session.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the last operation.
    async fn write(&self, new: &StoredSession, lease: &LeaseGuard) -> Result<bool, StoreError> {
        let (call, runtime) = (self.context.call(), self.context.runtime());
        let ttl = new.session.useful_until().duration_since(runtime.wall()).unwrap_or_default().max(MIN_LIFETIME);
        let Ok(sealed) = call.vault.seal(&self.aad, &new.session.to_bytes()) else { return Ok(false) };
        let mut writes = 1;
        loop {
            let expected = self.lock_last_read().version;
            let written = self.record.write(expected, new.version, sealed.clone(), ttl, &call.trace).await;
            let may_repeat = writes < MAX_WRITES && lease.is_held();
            match written {
                // The version that was read has expired since, or was replaced by a session that is not usable either.
                Ok(false) if may_repeat && self.load().await?.is_none() => {}
                Err(error) if may_repeat && error.is_retryable() => {
                    runtime.sleep_until(runtime.now() + WRITE_RETRY_PAUSE).await;
                }
                written => return written,
            }
            writes += 1;
        }
    }

    fn lock_last_read(&self) -> MutexGuard<'_, LastRead> {
        self.last_read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FlightTask for SessionRefresh<'_> {
    type Output = StoredSession;
    type Failure = AuthError;
    const FAILURE_BACK_OFF: Option<Duration> = Some(FAILED_LOGIN_BACK_OFF);

    async fn load(&self) -> Result<Option<StoredSession>, StoreError> {
        let stored = self.read().await?;
        let wall = self.context.runtime().wall();
        Ok(stored.filter(|stored| self.rejected != Some(stored.version) && stored.is_fresh(wall)))
    }

    async fn fetch(&self, lease: Option<&LeaseGuard>) -> FetchResult<StoredSession, AuthError> {
        let session = match self.log_in(lease).await {
            Ok(session) => session,
            Err(error) => {
                let failure = SharedFailure {
                    what: error.to_string().into(),
                    reason: FailureReason::Auth,
                    retryable: error.is_retryable(),
                    retry_after: error.retry_after(),
                };
                return FetchResult { result: Err(error), outcome: Some(Outcome::Failed(failure)) };
            }
        };
        let new = StoredSession { session, version: Version::random(self.context.runtime()) };
        let Some(lease) = lease else { return FetchResult { result: Ok(new), outcome: None } };
        match self.write(&new, lease).await {
            Ok(true) => FetchResult { result: Ok(new), outcome: Some(Outcome::Stored) },
            // If another process has stored a usable session, this process uses it, too, so that the fleet has one
            // session.
            Ok(false) => {
                let stored = self.load().await.ok().flatten();
                FetchResult { result: Ok(stored.unwrap_or(new)), outcome: None }
            }
            Err(_) => FetchResult { result: Ok(new), outcome: Some(Outcome::NotKept) },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::SystemTime;

    use async_trait::async_trait;
    use bytes::Bytes;
    use stitchapi_core::{Body, Key, Leases, MemoryStore, Runtime, StitchStore, StoreLimits, Tick, Versioned};
    use stitchapi_testing::{MockTransport, SimRuntime};

    use super::*;
    use crate::auth::login_settings::LoginSettings;
    use crate::auth::strategy::Credential;
    use crate::context::CallContext;
    use crate::retry::Retry;
    use crate::store::Client;
    use crate::trace::{CallId, Dispatch, Trace};
    use crate::vault::Vault;

    /// A store that contains nothing and refuses every write, as if another process had written first.
    #[derive(Debug)]
    struct RefusesWrites {
        memory: Arc<MemoryStore>,
        writes: AtomicU32,
    }

    #[async_trait]
    impl StitchStore for RefusesWrites {
        fn name(&self) -> &'static str {
            "refuses writes"
        }
        fn limits(&self) -> StoreLimits {
            StoreLimits::unlimited()
        }
        async fn get(&self, _: &Key) -> Result<Option<Bytes>, StoreError> {
            Ok(None)
        }
        async fn set(&self, _: &Key, _: Bytes, _: Option<Duration>) -> Result<(), StoreError> {
            Ok(())
        }
        async fn delete(&self, _: &Key) -> Result<(), StoreError> {
            Ok(())
        }
        fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
            self.memory.clone().leases()
        }
        fn versioned(self: Arc<Self>) -> Option<Arc<dyn Versioned>> {
            Some(self)
        }
    }

    #[async_trait]
    impl Versioned for RefusesWrites {
        async fn read(&self, _: &Key) -> Result<Option<(Bytes, Version)>, StoreError> {
            Ok(None)
        }
        async fn write_if(
            &self,
            _: &Key,
            _: Option<&Version>,
            _: &Version,
            _: Bytes,
            _: Option<Duration>,
        ) -> Result<bool, StoreError> {
            self.writes.fetch_add(1, Ordering::Relaxed);
            Ok(false)
        }
    }

    #[derive(Debug)]
    struct Always;

    #[async_trait]
    impl Login for Always {
        fn account(&self) -> String {
            "ada".to_owned()
        }
        async fn login(&self, context: &AuthContext<'_>, _: Option<&Session>) -> Result<Session, AuthError> {
            Ok(Session::new("token", context.runtime().wall() + Duration::from_secs(60)))
        }
        fn credential(&self, _: &Session) -> Result<Arc<dyn Credential>, AuthError> {
            Ok(Arc::new(NoCredential))
        }
    }

    #[derive(Debug)]
    struct NoCredential;

    impl Credential for NoCredential {
        fn apply(&self, _: &mut http::Request<Body>) -> Result<(), AuthError> {
            Ok(())
        }
        fn expires_at(&self) -> Option<SystemTime> {
            None
        }
    }

    #[test]
    fn a_session_that_three_writes_do_not_store_is_used_by_its_process_and_announced_to_no_other() {
        let sim = SimRuntime::new(1);
        let runtime: Arc<dyn Runtime> = Arc::new(sim.clone());
        let memory = Arc::new(MemoryStore::with_clock_of(runtime.clone()));
        let store = Arc::new(RefusesWrites { memory, writes: AtomicU32::new(0) });
        let (dispatch, name): (_, Arc<str>) = (Dispatch::new(Vec::new()), "test".into());
        let call = CallContext {
            trace: Trace { dispatch, runtime: runtime.clone(), seam: name.clone(), stitch: name, call: CallId(1) },
            principal: None,
            store: Arc::new(Client::new(store.clone(), runtime.clone())),
            vault: Vault::plaintext(),
            deadline: Tick(u64::MAX),
            in_flight: Arc::default(),
        };
        let settings = Arc::new(LoginSettings {
            transport: Arc::new(MockTransport::routes()),
            user_agent: None,
            attempt_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(60),
            retry: Retry::default(),
        });
        let context = AuthContext::new(&call, &settings);
        let refresh = SessionRefresh::new(&Always, &context, &SessionAddress::new(&Always, &context), None, None);
        let lease = LeaseGuard::new(call.store.clone(), call.trace.clone(), Key::new("lock"));
        sim.block_on(async {
            lease.acquire(Duration::ZERO).await.unwrap();
            let FetchResult { result, outcome } = refresh.fetch(Some(&lease)).await;
            let new = result.unwrap();
            assert_eq!((outcome, store.writes.load(Ordering::Relaxed)), (None, 3));
            // No other process has written: `false` says only that the session is not stored.
            assert!(!refresh.write(&new, &lease).await.unwrap());
            assert!(refresh.read().await.unwrap().is_none());
        });
    }
}
