//! What is kept, for how long and for whom.

use std::time::Duration;

use crate::{Error, Result};

/// Whether and how the answers of a stitch are kept. A plain value; `build` judges it.
///
/// * Kept are successes of GET and HEAD but 206, whole: status, headers (but `Set-Cookie`) and body.
/// * Two calls share an answer if their method, URL and headers are the same, those of the seam and of the call
///   included; credentials do not count, so on a seam that has them somebody must say for whom an answer is:
///   [`shared`](Self::shared) or [`per_principal`](Self::per_principal).
/// * Misses coalesce: one call fetches for all that wait in its process, and with a store that has leases one process
///   for the fleet. If it dies, another takes over within a second.
/// * A failure is shared by those who waited for it, too; what it says of one user is not.
/// * A failed store never fails a call: the call goes to the API. A value too large for the store is not kept. Answers
///   are kept as they are, whatever the [vault](crate::Vault).
/// * The fetch has the deadline and the `max_wait` of the call that makes it; a call that joins one has its own deadline,
///   and no slot to wait for.
///
/// ```
/// use std::time::Duration;
/// use stitchapi::Cache;
///
/// let catalogue = Cache::ttl(Duration::from_secs(60)).shared();
/// # let _ = catalogue;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    ttl: Option<Duration>,
    audience: Option<Audience>,
}

/// For whom an answer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    Everybody,
    Principal,
}

impl Cache {
    /// Keeps answers for this long, whatever they say themselves.
    #[must_use]
    pub const fn ttl(ttl: Duration) -> Self {
        Self { ttl: Some(ttl), audience: None }
    }

    /// Keeps nothing: for a stitch whose seam has a cache.
    #[must_use]
    pub const fn none() -> Self {
        Self { ttl: None, audience: Some(Audience::Everybody) }
    }

    /// An answer is for everybody, whoever's credentials have fetched it.
    #[must_use]
    pub const fn shared(mut self) -> Self {
        self.audience = Some(Audience::Everybody);
        self
    }

    /// An answer is for the [principal](crate::Seam::as_principal) whose call has fetched it. On a seam with
    /// credentials a call without one is [`ErrorKind::Input`](crate::ErrorKind::Input).
    #[must_use]
    pub const fn per_principal(mut self) -> Self {
        self.audience = Some(Audience::Principal);
        self
    }

    /// The lifetime and the audience; `None` if nothing is kept.
    pub(crate) fn judge(&self, authenticated: bool) -> Result<Option<Policy>> {
        let Some(ttl) = self.ttl else { return Ok(None) };
        if ttl.is_zero() {
            return Err(Error::config("the cache: a ttl of zero keeps nothing: Cache::none() says so"));
        }
        match self.audience {
            Some(audience) => Ok(Some(Policy { ttl, audience })),
            None if authenticated => Err(Error::config(
                "the cache: on a seam with credentials say for whom an answer is kept, .shared() or .per_principal()",
            )),
            None => Ok(Some(Policy { ttl, audience: Audience::Everybody })),
        }
    }
}

/// A cache that has been judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) ttl: Duration,
    pub(crate) audience: Audience,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_seam_with_credentials_somebody_must_say_for_whom() {
        let cache = Cache::ttl(Duration::from_secs(1));
        assert!(cache.judge(true).is_err());
        assert_eq!(cache.judge(false).unwrap().unwrap().audience, Audience::Everybody);
        assert_eq!(cache.clone().shared().judge(true).unwrap().unwrap().audience, Audience::Everybody);
        assert_eq!(cache.per_principal().judge(true).unwrap().unwrap().audience, Audience::Principal);
        assert_eq!(Cache::none().judge(true).unwrap(), None);
        assert!(Cache::ttl(Duration::ZERO).shared().judge(false).is_err());
    }
}
