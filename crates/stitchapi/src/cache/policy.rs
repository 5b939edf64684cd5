//! The declaration of a cache: how long responses are kept, and for whom.

use std::time::Duration;

use crate::error::{Error, Result};

/// How long the responses of a stitch are kept, and for whom. A plain value, validated when the seam or the stitch is
/// built.
///
/// * Responses to GET and HEAD are kept if they are a success other than 206: status, headers without `Set-Cookie`, and
///   body.
/// * Two calls share a response if their method, URL and headers are equal, including the headers of the seam and of
///   the call. Credentials are not compared, so on a seam that has credentials the audience must be declared:
///   [`shared`](Self::shared) or [`per_principal`](Self::per_principal).
/// * Concurrent misses share one fetch: one call fetches for all callers of its process, and with a store that has
///   leases and versioned values one process fetches for the fleet. If that process dies, another process fetches when
///   the lease of the fetch expires: within 1 s, or within four timeouts of the store if these are longer.
/// * Callers that wait for a fetch also share its failure. After a failure that concerns only the call that fetched,
///   such as its own deadline or the credential of its user, one of the waiting calls fetches instead.
/// * A store that fails does not fail a call: the call goes to the API. A response that is too large for the store is
///   not kept. Responses are stored in plain text, whatever the [vault](crate::Vault).
/// * A fetch has the `max_wait` of the call that makes it. It ends at the deadline of that call, or when the deadline
///   that the stitch declares has passed since the fetch began, if that is later. A call that waits for the fetch of
///   another call has its own deadline, and waits for no slot (start time).
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
    /// Lifetime of an entry; `None` if nothing is kept.
    ttl: Option<Duration>,
    audience: Option<Audience>,
    /// Whether two different audiences were declared.
    is_contradictory: bool,
}

/// The callers that may receive a stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// All callers.
    Shared,
    /// The callers with the same principal as the call that fetched the response.
    PerPrincipal,
}

impl Cache {
    /// Keeps each response for `ttl`, whatever its headers say.
    #[must_use]
    pub const fn ttl(ttl: Duration) -> Self {
        Self { ttl: Some(ttl), audience: None, is_contradictory: false }
    }

    /// Keeps nothing. For a stitch whose seam has a cache.
    #[must_use]
    pub const fn none() -> Self {
        Self { ttl: None, audience: None, is_contradictory: false }
    }

    /// Keeps a response for all callers, whatever credential its request carried.
    #[must_use]
    pub const fn shared(self) -> Self {
        self.with_audience(Audience::Shared)
    }

    /// Keeps a response only for calls with the same [principal](crate::Seam::as_principal) as the call that fetched
    /// it. On a seam with credentials, a call without a principal fails with
    /// [`ErrorKind::Input`](crate::ErrorKind::Input).
    #[must_use]
    pub const fn per_principal(self) -> Self {
        self.with_audience(Audience::PerPrincipal)
    }

    const fn with_audience(mut self, audience: Audience) -> Self {
        self.is_contradictory |= match self.audience {
            None => false,
            Some(declared) => declared as u8 != audience as u8,
        };
        self.audience = Some(audience);
        self
    }

    /// Validates the declaration for a stitch whose seam has credentials or not. Returns `None` if nothing is kept.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a lifetime of zero, and for an audience that is missing,
    /// contradictory or without effect.
    pub(crate) fn validate(&self, has_credentials: bool) -> Result<Option<CachePolicy>> {
        if self.is_contradictory {
            return Err(Error::config("cache: .shared() and .per_principal() exclude each other; remove one"));
        }
        let Some(ttl) = self.ttl else {
            return match self.audience {
                None => Ok(None),
                Some(_) => Err(Error::config("cache: Cache::none() keeps nothing; remove its audience")),
            };
        };
        if ttl.is_zero() {
            return Err(Error::config("cache: a ttl of zero keeps nothing; use Cache::none()"));
        }
        let audience = match self.audience {
            Some(audience) => audience,
            None if has_credentials => {
                return Err(Error::config(
                    "cache: on a seam with credentials an audience is required; add .shared() or .per_principal()",
                ));
            }
            None => Audience::Shared,
        };
        // Two seams of the same name may have different credentials. Without a principal, one would receive the
        // responses of the other.
        let requires_principal = has_credentials && audience == Audience::PerPrincipal;
        Ok(Some(CachePolicy { ttl, audience, requires_principal }))
    }
}

/// A validated cache declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CachePolicy {
    /// Lifetime of an entry.
    pub(super) ttl: Duration,
    pub(super) audience: Audience,
    /// Whether a call without a principal is an error.
    pub(super) requires_principal: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_seam_with_credentials_an_audience_is_required() {
        let cache = Cache::ttl(Duration::from_secs(1));
        assert!(cache.validate(true).is_err());
        assert_eq!(cache.validate(false).unwrap().unwrap().audience, Audience::Shared);
        assert_eq!(cache.clone().shared().validate(true).unwrap().unwrap().audience, Audience::Shared);
        assert_eq!(cache.per_principal().validate(true).unwrap().unwrap().audience, Audience::PerPrincipal);
        assert_eq!(Cache::none().validate(true).unwrap(), None);
        assert!(Cache::ttl(Duration::ZERO).shared().validate(false).is_err());
    }

    #[test]
    fn an_audience_that_contradicts_or_has_no_effect_is_rejected() {
        let cache = Cache::ttl(Duration::from_secs(1));
        assert!(cache.clone().shared().per_principal().validate(true).is_err());
        assert!(cache.clone().per_principal().shared().validate(true).is_err());
        assert!(cache.shared().shared().validate(true).is_ok());
        assert!(Cache::none().shared().validate(false).is_err());
    }
}
