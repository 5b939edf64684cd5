//! The sessions that one process remembers. Pure: the time is passed in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use stitchapi_core::{Tick, Version};

use super::session_key::SessionKey;
use super::session_refresh::FAILED_LOGIN_BACK_OFF;
use super::stored_session::StoredSession;
use crate::auth::error::AuthError;
use crate::auth::strategy::Verdict;
use crate::single_flight::failure_ttl;

/// Age below which a session that the API rejects is not replaced, because the API would reject its replacement, too.
const MIN_AGE_TO_REPLACE: Duration = Duration::from_secs(5);

/// One point in time, read from the monotonic clock and from the wall clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instants {
    pub(super) now: Tick,
    pub(super) wall: SystemTime,
}

/// Result of a login, as all callers that wait for it receive it.
pub(super) type LoginResult = Result<Arc<StoredSession>, Arc<AuthError>>;

/// The sessions of one strategy in this process.
#[derive(Debug, Default)]
pub(super) struct SessionCache(Mutex<HashMap<SessionKey, CachedSession>>);

/// What this process remembers of one session.
#[derive(Debug, Default)]
struct CachedSession {
    session: Option<Arc<StoredSession>>,
    /// Version that the API rejected last.
    rejected: Option<Version>,
    /// Failure of the last login, and the time until which callers fail with it.
    failure: Option<(Tick, Arc<AuthError>)>,
}

impl SessionCache {
    /// Returns the result of a call for which no login is needed: a fresh session. For a while after a failed login it
    /// is any session that has neither expired nor been rejected, or else the failure. Returns `None` if the session
    /// has to be replaced.
    pub(super) fn get(&self, key: &SessionKey, at: Instants) -> Option<Result<Arc<StoredSession>, AuthError>> {
        let sessions = self.lock();
        let cached = sessions.get(key)?;
        let session = cached.usable(at.wall);
        if let Some(session) = session.filter(|session| session.is_fresh(at.wall)) {
            return Some(Ok(session.clone()));
        }
        let (until, failure) = cached.failure.as_ref().filter(|(until, _)| at.now < *until)?;
        let retry_after = until.since(at.now);
        Some(session.cloned().ok_or_else(|| AuthError::from_shared(failure).with_retry_after(Some(retry_after))))
    }

    /// Returns the version that the API rejected last, and the session that a login is to replace.
    pub(super) fn to_replace(&self, key: &SessionKey) -> (Option<Version>, Option<Arc<StoredSession>>) {
        let sessions = self.lock();
        let cached = sessions.get(key);
        (cached.and_then(|cached| cached.rejected), cached.and_then(|cached| cached.session.clone()))
    }

    /// Marks the session of `version` as rejected, so that the next call replaces it, unless the session is younger
    /// than 5 s. Returns what the rejected call does next.
    pub(super) fn reject(&self, key: &SessionKey, version: Version, wall: SystemTime) -> Verdict {
        let mut sessions = self.lock();
        // The rejected session was removed since, so the call gets another one.
        let Some(cached) = sessions.get_mut(key) else { return Verdict::TryAgain };
        if let Some(session) = cached.session.as_ref().filter(|session| session.version == version) {
            // If the wall clock of the process that logged in is ahead, the login is in the future; the age is then the
            // difference.
            let age = match wall.duration_since(session.session.obtained_at()) {
                Ok(age) => age,
                Err(ahead) => ahead.duration(),
            };
            if age < MIN_AGE_TO_REPLACE {
                return Verdict::GiveUp;
            }
            cached.rejected = Some(version);
        }
        Verdict::TryAgain
    }

    /// Stores the result of a login. Returns the result for the waiting callers: the new session; after a failure, the
    /// old session if it has neither expired nor been rejected, or else the failure.
    ///
    /// Also removes the entries that are no longer useful, so that the cache does not grow with every user.
    pub(super) fn insert(&self, key: SessionKey, result: LoginResult, at: Instants) -> LoginResult {
        let mut sessions = self.lock();
        sessions.retain(|_, cached| cached.is_useful(at));
        let cached = sessions.entry(key).or_default();
        match result {
            Ok(session) => {
                *cached = CachedSession { session: Some(session.clone()), ..CachedSession::default() };
                Ok(session)
            }
            Err(error) => {
                let ttl = failure_ttl(FAILED_LOGIN_BACK_OFF, error.retry_after());
                cached.failure = Some((at.now + ttl, error.clone()));
                cached.usable(at.wall).cloned().ok_or(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionKey, CachedSession>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CachedSession {
    /// Returns the session if it has neither expired nor been rejected.
    fn usable(&self, wall: SystemTime) -> Option<&Arc<StoredSession>> {
        let session = self.session.as_ref().filter(|session| self.rejected != Some(session.version));
        session.filter(|session| !session.has_expired(wall))
    }

    /// Returns `true` while the entry is useful: its session may be used or refreshed, or callers still fail with its
    /// failure.
    fn is_useful(&self, at: Instants) -> bool {
        self.session.as_ref().is_some_and(|session| session.session.useful_until() > at.wall)
            || self.failure.as_ref().is_some_and(|(until, _)| *until > at.now)
    }
}
