//! The result of a login, and its bytes in the store.

use std::fmt;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Time for which a session with a refresh token is kept after its expiry.
const REFRESHABLE_FOR: Duration = Duration::from_secs(30 * 86_400);

/// The result of a login: a token and its expiry.
///
/// * The lifetime of a session is at least 5 s: a shorter one is raised to 5 s, because otherwise each call would log
///   in. Such a session is used for 4.5 s, because a session is replaced a tenth of its lifetime before its expiry, but
///   at most 10 s before.
/// * A session with a refresh token is kept for 30 days after its expiry, so that the next login can refresh it.
/// * `Debug` shows no secret.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use stitchapi::auth::Session;
///
/// let asked_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// let session = Session::new("access-token", asked_at + Duration::from_secs(3600)).with_refresh_token("refresh-token");
/// assert!(session.refresh_token().is_some());
/// assert!(!format!("{session:?}").contains("access-token"));
/// ```
#[derive(Clone)]
pub struct Session {
    token: SecretString,
    refresh_token: Option<SecretString>,
    expires_at: SystemTime,
    obtained_at: SystemTime,
}

impl Session {
    /// Creates a session that expires at `expires_at`, by the wall clock.
    ///
    /// Every session expires. For a token without an expiry choose a time; if the API rejects the token earlier, the
    /// session is replaced then.
    #[must_use]
    pub fn new(token: impl Into<SecretString>, expires_at: SystemTime) -> Self {
        Self { token: token.into(), refresh_token: None, expires_at, obtained_at: SystemTime::UNIX_EPOCH }
    }

    /// Sets the token with which the next login can refresh the session.
    #[must_use]
    pub fn with_refresh_token(mut self, token: impl Into<SecretString>) -> Self {
        self.refresh_token = Some(token.into());
        self
    }

    /// Raises the expiry to `at` if it is earlier than `at`.
    pub(crate) fn with_min_expiry(mut self, at: SystemTime) -> Self {
        self.expires_at = self.expires_at.max(at);
        self
    }

    /// Sets when the session was obtained, by the wall clock of the process that logged in.
    pub(crate) fn with_obtained_at(mut self, obtained_at: SystemTime) -> Self {
        self.obtained_at = obtained_at;
        self
    }

    /// Returns the token that requests carry.
    #[must_use]
    pub fn token(&self) -> &SecretString {
        &self.token
    }

    /// Returns the token with which the next login can refresh the session.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&SecretString> {
        self.refresh_token.as_ref()
    }

    /// Returns the expiry, by the wall clock.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// Returns when the session was obtained, by the wall clock of the process that logged in; 1970 if it was not set.
    pub(crate) fn obtained_at(&self) -> SystemTime {
        self.obtained_at
    }

    /// Returns the time until which the session is kept: its expiry, or 30 days later if it has a refresh token.
    pub(crate) fn useful_until(&self) -> SystemTime {
        if self.refresh_token.is_some() { self.expires_at + REFRESHABLE_FOR } else { self.expires_at }
    }

    /// Encodes the session for [`from_bytes`](Self::from_bytes): JSON, with times in milliseconds since 1970, rounded
    /// down. A time before 1970 is encoded as 1970.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let token = self.token.expose_secret();
        let refresh_token = self.refresh_token.as_ref().map(ExposeSecret::expose_secret);
        let secrets = token.len() + refresh_token.map_or(0, str::len);
        // JSON escapes a byte to at most six bytes, so this buffer is large enough. A buffer that grows would leave a
        // copy of the secret in freed memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LAYOUT + 6 * secrets));
        let (expires_at, obtained_at) = (to_millis(self.expires_at), to_millis(self.obtained_at));
        serde_json::to_writer(&mut *bytes, &SessionJson { v: FORMAT, token, refresh_token, expires_at, obtained_at })
            .expect("text and numbers can be encoded as JSON, and writing to a `Vec` cannot fail");
        bytes
    }

    /// Decodes what [`to_bytes`](Self::to_bytes) of any version of the library with the same format number wrote. `None`
    /// for anything else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let json: SessionJson<SecretString> = serde_json::from_slice(bytes).ok()?;
        if json.v != FORMAT {
            return None;
        }
        Some(Self {
            token: json.token,
            refresh_token: json.refresh_token,
            expires_at: from_millis(json.expires_at)?,
            obtained_at: from_millis(json.obtained_at)?,
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("expires_at", &self.expires_at)
            .field("obtained_at", &self.obtained_at)
            .finish_non_exhaustive()
    }
}

/// Format version of the JSON. Version 1 is the only one.
const FORMAT: u32 = 1;
/// Upper bound of the length of a session's JSON without its secrets, in bytes.
const MAX_LAYOUT: usize = 160;

/// A session as JSON. A version of the library ignores the fields that it does not know, and logs in again if `v` is
/// not the number that it knows.
#[derive(Serialize, Deserialize)]
struct SessionJson<S> {
    v: u32,
    token: S,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<S>,
    expires_at: u64,
    obtained_at: u64,
}

fn to_millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn from_millis(millis: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> SystemTime {
        from_millis(millis).unwrap()
    }

    fn parts(session: &Session) -> (&str, Option<&str>, u64, u64) {
        let refresh_token = session.refresh_token().map(ExposeSecret::expose_secret);
        (
            session.token().expose_secret(),
            refresh_token,
            to_millis(session.expires_at()),
            to_millis(session.obtained_at()),
        )
    }

    /// Other versions of the library read these bytes, so they must not change.
    #[test]
    fn the_encoding_is_json_with_a_format_number() {
        let session = Session::new("a\"b", at(1_700_000_000_001)).with_obtained_at(at(2));
        let json = r#"{"v":1,"token":"a\"b","expires_at":1700000000001,"obtained_at":2}"#;
        assert_eq!(*session.to_bytes(), json.as_bytes());
        let json = r#"{"v":1,"token":"a\"b","refresh_token":"r","expires_at":1700000000001,"obtained_at":2}"#;
        assert_eq!(*session.with_refresh_token("r").to_bytes(), json.as_bytes());
    }

    #[test]
    fn unknown_fields_are_ignored_and_another_format_is_rejected() {
        let read = |v: u32| {
            let json = format!(r#"{{"v":{v},"new":[{{}}],"token":"t","expires_at":3,"obtained_at":2}}"#);
            Session::from_bytes(json.as_bytes())
        };
        assert_eq!(parts(&read(1).unwrap()), ("t", None, 3, 2));
        assert!(read(0).is_none() && read(2).is_none());
    }

    #[test]
    fn bytes_that_encode_no_session_are_rejected() {
        let json = r#"{"v":1,"token":"t","expires_at":3,"obtained_at":2}"#;
        assert!(Session::from_bytes(json.as_bytes()).is_some());
        for cut in 0..json.len() {
            assert!(Session::from_bytes(&json.as_bytes()[..cut]).is_none(), "{cut}");
        }
        for wrong in [json.replace('3', "-3"), json.replace('3', "1e400"), json.replace("\"t\"", "null")] {
            assert!(Session::from_bytes(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(Session::from_bytes(&[json.as_bytes(), b"{}"].concat()).is_none());
    }

    #[test]
    fn times_are_rounded_down_to_milliseconds_and_not_before_1970() {
        let early = Session::new("t", SystemTime::UNIX_EPOCH - Duration::from_secs(1));
        let exact = early.clone().with_obtained_at(at(7) + Duration::from_nanos(999_999));
        assert_eq!(parts(&Session::from_bytes(&exact.to_bytes()).unwrap()), ("t", None, 0, 7));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", Session::new("secret-1", at(0)).with_refresh_token("secret-2"));
        assert!(!shown.contains("secret"), "{shown}");
    }

    proptest! {
        #[test]
        fn a_session_is_decoded_as_it_was_encoded(token: String, refresh: Option<String>, times: [u32; 2]) {
            let times = times.map(|seconds| u64::from(seconds) * 1_009);
            let mut session = Session::new(token.as_str(), at(times[0])).with_obtained_at(at(times[1]));
            if let Some(refresh) = &refresh {
                session = session.with_refresh_token(refresh.as_str());
            }
            let read = Session::from_bytes(&session.to_bytes()).unwrap();
            prop_assert_eq!(parts(&read), (token.as_str(), refresh.as_deref(), times[0], times[1]));
        }

        #[test]
        fn the_buffer_never_grows(length in 0_usize..500) {
            let worst = "\u{1}".repeat(length);
            let session = Session::new(worst.as_str(), at(1 << 53)).with_refresh_token(worst.as_str());
            let bytes = session.with_obtained_at(at(1 << 53)).to_bytes();
            prop_assert!(bytes.len() <= MAX_LAYOUT + 12 * length);
        }

        #[test]
        fn decoding_never_panics(bytes: Vec<u8>) {
            prop_assert!(Session::from_bytes(&bytes).is_none());
        }
    }
}
