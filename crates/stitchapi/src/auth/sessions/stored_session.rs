//! A session with its version in the store.

use std::time::{Duration, SystemTime};

use stitchapi_core::Version;

use crate::auth::session::Session;

/// Longest time by which a session is replaced before its expiry.
const MAX_EXPIRY_MARGIN: Duration = Duration::from_secs(10);

/// A session and the version of the store record that holds it. A session that is not stored has a version, too: it
/// identifies the session when the API rejects it.
#[derive(Debug, Clone)]
pub(super) struct StoredSession {
    pub(super) session: Session,
    pub(super) version: Version,
}

impl StoredSession {
    /// Returns `true` until the session has to be replaced: a tenth of its lifetime before its expiry, but at most 10 s
    /// before.
    pub(super) fn is_fresh(&self, wall: SystemTime) -> bool {
        let (obtained_at, expires_at) = (self.session.obtained_at(), self.session.expires_at());
        let lifetime = expires_at.duration_since(obtained_at).unwrap_or_default();
        wall + (lifetime / 10).min(MAX_EXPIRY_MARGIN) < expires_at
    }

    pub(super) fn has_expired(&self, wall: SystemTime) -> bool {
        self.session.expires_at() <= wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_fresh_until_a_tenth_of_its_lifetime_and_at_most_10_s_before_its_expiry() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let fresh_for = |lifetime: u64| {
            let session = Session::new("token", start + Duration::from_secs(lifetime)).with_obtained_at(start);
            let stored = StoredSession { session, version: Version::from_bytes([7; 16]) };
            let is_fresh_at = |millis: &u64| stored.is_fresh(start + Duration::from_millis(*millis));
            (0..=lifetime * 1_000).step_by(100).take_while(is_fresh_at).count() * 100
        };
        assert_eq!([fresh_for(5), fresh_for(50), fresh_for(100), fresh_for(1_000)], [4_500, 45_000, 90_000, 990_000]);
    }
}
