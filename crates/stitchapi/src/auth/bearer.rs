//! A static token in the header `Authorization: Bearer`.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use http::response::Parts;
use http::{HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use stitchapi_core::Body;

use super::context::AuthContext;
use super::error::AuthError;
use super::secret::Secret;
use super::strategy::{AuthStrategy, Credential, Verdict};

/// Strategy that sends a static token as `Authorization: Bearer` (RFC 6750). Created by [`bearer`].
#[derive(Debug)]
pub struct Bearer {
    secret: Secret,
}

/// Creates a strategy that sends `secret` as `Authorization: Bearer`, marked as sensitive.
///
/// * The secret is read for each attempt, and is not put into the store.
/// * A call to which the API responds 401 fails, because there is no login to repeat.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
/// use stitchapi::{Seam, auth, env};
///
/// let github = Seam::builder("https://api.github.com").auth(auth::bearer(env("GITHUB_TOKEN"))).build()?;
/// # Ok(()) }
/// ```
#[must_use]
pub fn bearer(secret: impl Into<Secret>) -> Bearer {
    Bearer { secret: secret.into() }
}

#[async_trait]
impl AuthStrategy for Bearer {
    async fn prepare(&self, _: &AuthContext<'_>) -> Result<Arc<dyn Credential>, AuthError> {
        Ok(Arc::new(Authorization::bearer(&self.secret.resolve()?, None)?))
    }

    async fn rejected(&self, _: &AuthContext<'_>, _: &dyn Credential, _: &Parts) -> Result<Verdict, AuthError> {
        Ok(Verdict::GiveUp)
    }
}

/// Value of the header `Authorization`, marked as sensitive.
pub(super) struct Authorization {
    value: HeaderValue,
    expires_at: Option<SystemTime>,
}

impl Authorization {
    /// Creates the value `Bearer TOKEN`.
    ///
    /// # Errors
    ///
    /// [`AuthError`] if the token has characters that a header value cannot have.
    pub(super) fn bearer(token: &SecretString, expires_at: Option<SystemTime>) -> Result<Self, AuthError> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .map_err(|_| AuthError::new("the bearer token has characters that a header value cannot have"))?;
        value.set_sensitive(true);
        Ok(Self { value, expires_at })
    }
}

impl Credential for Authorization {
    fn apply(&self, request: &mut http::Request<Body>) -> Result<(), AuthError> {
        request.headers_mut().insert(header::AUTHORIZATION, self.value.clone());
        Ok(())
    }

    fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
