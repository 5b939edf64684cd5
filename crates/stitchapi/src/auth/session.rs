//! What a login brings.

use std::fmt;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// How long after its end a session with a refresh token is kept.
const REFRESHABLE: Duration = Duration::from_secs(30 * 86_400);

/// A login's result: a token, and how long it is good for.
///
/// * One that ends within 5 s of the login is used for 5 s all the same: else each call would log in.
/// * With a refresh token it is kept for 30 days after its end, for the next login.
///
/// Its `Debug` shows no secret.
#[derive(Clone)]
pub struct Session {
    token: SecretString,
    refresh_token: Option<SecretString>,
    expires_at: SystemTime,
    obtained_at: SystemTime,
}

impl Session {
    /// A session that is good until `expires_at`. There is none without an end: choose one, a rejected token is replaced
    /// before it, too.
    #[must_use]
    pub fn new(token: impl Into<SecretString>, expires_at: SystemTime) -> Self {
        Self { token: token.into(), refresh_token: None, expires_at, obtained_at: SystemTime::UNIX_EPOCH }
    }

    /// Keeps what a later login needs to make this one last longer.
    #[must_use]
    pub fn with_refresh_token(mut self, token: impl Into<SecretString>) -> Self {
        self.refresh_token = Some(token.into());
        self
    }

    /// Makes it last until `at` at least.
    pub(crate) fn lasting_until(mut self, at: SystemTime) -> Self {
        self.expires_at = self.expires_at.max(at);
        self
    }

    /// Until when somebody may build upon it: one with a refresh token outlives its end.
    pub(crate) fn is_of_use_until(&self) -> SystemTime {
        if self.refresh_token.is_some() { self.expires_at + REFRESHABLE } else { self.expires_at }
    }

    /// Says when it was got.
    pub(crate) fn with_obtained_at(mut self, obtained_at: SystemTime) -> Self {
        self.obtained_at = obtained_at;
        self
    }

    /// What requests carry.
    #[must_use]
    pub fn token(&self) -> &SecretString {
        &self.token
    }

    /// What a later login may use.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&SecretString> {
        self.refresh_token.as_ref()
    }

    /// When it ends, by the wall clock.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// When it was got, by the wall clock of the process that got it. 1970 if nobody said.
    pub(crate) fn obtained_at(&self) -> SystemTime {
        self.obtained_at
    }

    /// As it is kept, for [`from_bytes`](Self::from_bytes): JSON, times in milliseconds since 1970, rounded down; what is
    /// earlier is 1970.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let token = self.token.expose_secret();
        let refresh_token = self.refresh_token.as_ref().map(ExposeSecret::expose_secret);
        let secrets = token.len() + refresh_token.map_or(0, str::len);
        // One byte is six at most in JSON; so it does not grow, which would leave a copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LAYOUT + 6 * secrets));
        let (expires_at, obtained_at) = (millis(self.expires_at), millis(self.obtained_at));
        serde_json::to_writer(&mut *bytes, &Kept { v: VERSION, token, refresh_token, expires_at, obtained_at })
            .expect("text and numbers are JSON, and memory takes them");
        bytes
    }

    /// What [`to_bytes`](Self::to_bytes) made, by this version of the library or a later one that kept its meaning.
    /// `None`: it is something else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let kept: Kept<SecretString> = serde_json::from_slice(bytes).ok()?;
        if kept.v != VERSION {
            return None;
        }
        Some(Self {
            token: kept.token,
            refresh_token: kept.refresh_token,
            expires_at: time(kept.expires_at)?,
            obtained_at: time(kept.obtained_at)?,
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

const VERSION: u32 = 1;
/// No session's JSON is longer than this without its secrets.
const LAYOUT: usize = 160;

/// A session's JSON. A new field is ignored by older versions; a new `v` makes older versions log in anew.
#[derive(Serialize, Deserialize)]
struct Kept<S> {
    v: u32,
    token: S,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<S>,
    expires_at: u64,
    obtained_at: u64,
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn time(millis: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> SystemTime {
        time(millis).unwrap()
    }

    fn parts(session: &Session) -> (&str, Option<&str>, u64, u64) {
        let refresh_token = session.refresh_token().map(ExposeSecret::expose_secret);
        (session.token().expose_secret(), refresh_token, millis(session.expires_at()), millis(session.obtained_at()))
    }

    /// Other versions of the library read these bytes, too.
    #[test]
    fn a_session_is_kept_as_json_with_a_version() {
        let session = Session::new("a\"b", at(1_700_000_000_001)).with_obtained_at(at(2));
        let json = r#"{"v":1,"token":"a\"b","expires_at":1700000000001,"obtained_at":2}"#;
        assert_eq!(*session.to_bytes(), json.as_bytes());
        let json = r#"{"v":1,"token":"a\"b","refresh_token":"r","expires_at":1700000000001,"obtained_at":2}"#;
        assert_eq!(*session.with_refresh_token("r").to_bytes(), json.as_bytes());
    }

    #[test]
    fn unknown_fields_are_ignored_and_another_version_is_not_read() {
        let read = |v: u32| {
            let json = format!(r#"{{"v":{v},"new":[{{}}],"token":"t","expires_at":3,"obtained_at":2}}"#);
            Session::from_bytes(json.as_bytes())
        };
        assert_eq!(parts(&read(1).unwrap()), ("t", None, 3, 2));
        assert!(read(0).is_none() && read(2).is_none());
    }

    #[test]
    fn what_is_no_session_is_not_read() {
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
    fn times_are_rounded_down_and_begin_in_1970() {
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
        fn a_kept_session_is_read_as_it_was(token: String, refresh: Option<String>, times: [u32; 2]) {
            let times = times.map(|seconds| u64::from(seconds) * 1_009);
            let mut session = Session::new(token.as_str(), at(times[0])).with_obtained_at(at(times[1]));
            if let Some(refresh) = &refresh {
                session = session.with_refresh_token(refresh.as_str());
            }
            let read = Session::from_bytes(&session.to_bytes()).unwrap();
            prop_assert_eq!(parts(&read), (token.as_str(), refresh.as_deref(), times[0], times[1]));
        }

        #[test]
        fn its_bytes_never_move(length in 0_usize..500) {
            let worst = "\u{1}".repeat(length);
            let session = Session::new(worst.as_str(), at(1 << 53)).with_refresh_token(worst.as_str());
            let bytes = session.with_obtained_at(at(1 << 53)).to_bytes();
            prop_assert!(bytes.len() <= LAYOUT + 12 * length);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            prop_assert!(Session::from_bytes(&bytes).is_none());
        }
    }
}
