//! One session in the store: reading it, getting it, keeping it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use stitchapi_core::{Key, Prefix, StoreError, Version};

use super::sessions::BACK_OFF;
use super::{AuthContext, AuthError, Login, Session};
use crate::Principal;
use crate::runtime::{TimeUp, within};
use crate::single_flight::{FailureReason, FetchResult, FlightTask, Outcome, SharedFailure};
use crate::store::LeaseGuard;
use crate::trace::{EventKind, Unreadable};

/// A session ends for us this much before its end, or a tenth of its lifetime.
const MARGIN: Duration = Duration::from_secs(10);
/// A session that cannot be written is tried again after this, while the lease lasts.
const WRITE_AGAIN: Duration = Duration::from_millis(100);
/// So often.
const WRITES: u32 = 3;
/// A session is used for this long, whatever it says: else each call would log in.
const SHORTEST: Duration = Duration::from_secs(5);

/// A session and which state of the store it is.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) session: Session,
    pub(super) version: Version,
}

impl Kept {
    /// Whether it lasts for long enough to be used.
    pub(super) fn is_good(&self, wall: SystemTime) -> bool {
        let (from, to) = (self.session.obtained_at(), self.session.expires_at());
        let margin = (to.duration_since(from).unwrap_or_default() / 10).min(MARGIN);
        wall + margin < to
    }
}

/// The user whose session it is, where each has one of its own.
pub(super) fn principal_of<'c>(login: &dyn Login, context: &AuthContext<'c>) -> Option<&'c Principal> {
    context.principal().filter(|_| login.is_per_principal())
}

/// One login for one session: a flight's errand.
pub(super) struct Keeping<'k> {
    login: &'k dyn Login,
    context: &'k AuthContext<'k>,
    key: Key,
    /// Not good, though it has not ended.
    rejected: Option<Version>,
    /// What the store had when it was read last: what may be written over, and what a login may build upon.
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    version: Option<Version>,
    session: Option<Session>,
}

impl<'k> Keeping<'k> {
    pub(super) fn new(
        login: &'k dyn Login,
        context: &'k AuthContext<'k>,
        key: Key,
        rejected: Option<Version>,
        previous: Option<Arc<Kept>>,
    ) -> Self {
        let session = previous.map(|previous| previous.session.clone());
        Self { login, context, key, rejected, seen: Mutex::new(Seen { version: None, session }) }
    }

    /// What a sealed session is bound to: moved to another key, or to another user, it does not open.
    fn bound_to(&self) -> Vec<u8> {
        let principal = principal_of(self.login, self.context).map_or("", Principal::as_str);
        [self.key.render(&Prefix::default()).as_bytes(), b"\0", principal.as_bytes()].concat()
    }

    async fn read(&self) -> Result<Option<Kept>, StoreError> {
        let (seam, trace) = (self.context.whole_seam(), self.context.trace());
        let Some((sealed, version)) = seam.store().read(&self.key, trace).await? else {
            self.seen().version = None;
            return Ok(None);
        };
        self.seen().version = Some(version);
        let plain = seam.vault().open(&self.bound_to(), &sealed).ok();
        let Some(session) = plain.and_then(|plain| Session::from_bytes(&plain)) else {
            trace.emit(EventKind::Unreadable { what: Unreadable::Session });
            return Ok(None);
        };
        self.seen().session = Some(session.clone());
        Ok(Some(Kept { session, version }))
    }

    /// Logs in, and tries again what may be made good, until the seam's deadline for a whole call: a login that hangs holds
    /// up nobody for ever.
    async fn log_in(&self, lock: Option<&LeaseGuard>) -> Result<Session, AuthError> {
        let (seam, trace, runtime) = (self.context.whole_seam(), self.context.trace(), self.context.runtime());
        let previous = self.seen().session.clone();
        let ends = runtime.now() + seam.deadline();
        let mut retries = 0;
        loop {
            trace.emit(EventKind::LoginStarted);
            let begun = runtime.now();
            let error = match within(runtime, ends, self.login.login(self.context, previous.as_ref())).await {
                Ok(Ok(session)) => {
                    trace.emit(EventKind::LoginSucceeded { elapsed: runtime.now().since(begun) });
                    let wall = runtime.wall();
                    return Ok(session.with_obtained_at(wall).lasting_until(wall + SHORTEST));
                }
                Ok(Err(error)) => error,
                Err(TimeUp) => AuthError::new("the login took longer than a whole call may").with_retryable(true),
            };
            trace.emit(EventKind::LoginFailed);
            let again = error.is_retryable() && error.retry_after().is_none_or(|after| after <= BACK_OFF);
            let pause = seam.retry().pause(retries, error.retry_after(), runtime.random());
            // Who has lost the lease leaves the next try to whoever has it.
            let is_ours = lock.is_none_or(LeaseGuard::is_held);
            let Some(pause) = pause.filter(|pause| again && is_ours && runtime.now() + *pause < ends) else {
                return Err(error);
            };
            retries += 1;
            runtime.sleep_until(runtime.now() + pause).await;
        }
    }

    /// Writes the session over what was read. `Ok(false)`: somebody has written another one since, which is good.
    async fn write(&self, kept: &Kept, lock: &LeaseGuard) -> Result<bool, StoreError> {
        let (seam, trace) = (self.context.whole_seam(), self.context.trace());
        let runtime = self.context.runtime();
        let ttl = kept.session.is_of_use_until().duration_since(runtime.wall()).unwrap_or_default();
        let Ok(sealed) = seam.vault().seal(&self.bound_to(), &kept.session.to_bytes()) else { return Ok(false) };
        let mut writes = 1;
        loop {
            let expected = self.seen().version;
            let (key, value, ttl) = (&self.key, sealed.clone(), ttl.max(SHORTEST));
            match seam.store().write_if(key, expected.as_ref(), &kept.version, value, ttl, trace).await {
                // What was read has come to its end meanwhile, or was replaced by what is no good either.
                Ok(false) if writes < WRITES && lock.is_held() && self.load().await?.is_none() => writes += 1,
                Err(error) if error.is_retryable() && writes < WRITES && lock.is_held() => {
                    writes += 1;
                    runtime.sleep_until(runtime.now() + WRITE_AGAIN).await;
                }
                written => return written,
            }
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FlightTask for Keeping<'_> {
    type Output = Kept;
    type Failure = AuthError;
    const FAILURE_BACK_OFF: Option<Duration> = Some(BACK_OFF);

    async fn load(&self) -> Result<Option<Kept>, StoreError> {
        let kept = self.read().await?;
        let wall = self.context.runtime().wall();
        Ok(kept.filter(|kept| self.rejected != Some(kept.version) && kept.is_good(wall)))
    }

    async fn fetch(&self, lock: Option<&LeaseGuard>) -> FetchResult<Kept, AuthError> {
        let session = match self.log_in(lock).await {
            Ok(session) => session,
            Err(error) => {
                let failed = SharedFailure {
                    what: error.to_string().into(),
                    reason: FailureReason::Auth,
                    retryable: error.is_retryable(),
                    retry_after: error.retry_after(),
                };
                return FetchResult { result: Err(error), outcome: Some(Outcome::Failed(failed)) };
            }
        };
        let kept = Kept { session, version: Version::random(self.context.runtime()) };
        let Some(lock) = lock else { return FetchResult { result: Ok(kept), outcome: None } };
        match self.write(&kept, lock).await {
            Ok(true) => FetchResult { result: Ok(kept), outcome: Some(Outcome::Stored) },
            // Somebody else has logged in, too, while this process was paused: theirs is everybody's.
            Ok(false) => {
                let theirs = self.load().await.ok().flatten();
                FetchResult { result: Ok(theirs.unwrap_or(kept)), outcome: None }
            }
            Err(_) => FetchResult { result: Ok(kept), outcome: Some(Outcome::NotKept) },
        }
    }
}
