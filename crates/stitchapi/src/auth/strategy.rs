//! The two steps of authentication: preparing a credential, which may do I/O, and applying it, which may not.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use http::response::Parts;
use stitchapi_core::Body;

use super::context::AuthContext;
use super::error::AuthError;

/// A way to authenticate the requests of a seam: see [`SeamBuilder::auth`](crate::SeamBuilder::auth).
///
/// [`prepare`](Self::prepare) runs **before** the throttle books a slot (a start time) for the call, and may do I/O.
/// The [`Credential`] that it returns is applied when the slot begins, without I/O. Therefore no request misses its
/// slot because of a login: ten calls that wait for one login are not sent in one burst afterwards. A signature that is
/// made when the credential is applied does not expire in the queue.
///
/// For a login whose session is stored and renewed, implement [`Login`](super::Login) instead. This strategy reads a
/// key for each attempt:
///
/// ```
/// use std::sync::Arc;
/// use std::time::SystemTime;
///
/// use http::HeaderValue;
/// use http::response::Parts;
/// use stitchapi::auth::{AuthContext, AuthError, AuthStrategy, Credential, Verdict};
/// use stitchapi::{Body, Seam, async_trait};
///
/// #[derive(Debug)]
/// struct ApiKey;
///
/// #[derive(Debug)]
/// struct KeyHeader(HeaderValue);
///
/// #[async_trait]
/// impl AuthStrategy for ApiKey {
///     async fn prepare(&self, _: &AuthContext<'_>) -> Result<Arc<dyn Credential>, AuthError> {
///         let key = std::fs::read("api.key").map_err(|error| AuthError::new("no API key").with_source(error))?;
///         let mut value = HeaderValue::try_from(key)
///             .map_err(|_| AuthError::new("the API key has characters that a header cannot have"))?;
///         value.set_sensitive(true);
///         Ok(Arc::new(KeyHeader(value)))
///     }
///
///     async fn rejected(&self, _: &AuthContext<'_>, _: &dyn Credential, _: &Parts) -> Result<Verdict, AuthError> {
///         Ok(Verdict::GiveUp)
///     }
/// }
///
/// impl Credential for KeyHeader {
///     fn apply(&self, request: &mut http::Request<Body>) -> Result<(), AuthError> {
///         request.headers_mut().insert("x-api-key", self.0.clone());
///         Ok(())
///     }
///
///     fn expires_at(&self) -> Option<SystemTime> {
///         None
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
/// let api = Seam::builder("https://api.example.com").auth(ApiKey).build()?;
/// # Ok(()) }
/// ```
#[async_trait]
pub trait AuthStrategy: Debug + Send + Sync + 'static {
    /// Prepares a credential for one attempt of a call. If the call is dropped, so is this future.
    ///
    /// # Errors
    ///
    /// [`AuthError`]: the call fails with [`ErrorKind::Auth`](crate::ErrorKind::Auth), and no request is sent.
    async fn prepare(&self, context: &AuthContext<'_>) -> Result<Arc<dyn Credential>, AuthError>;

    /// Decides what a call does after the API responded 401 to the credential `used`. It is called at most once for
    /// each call.
    ///
    /// # Errors
    ///
    /// [`AuthError`]: the call fails with [`ErrorKind::Auth`](crate::ErrorKind::Auth).
    async fn rejected(
        &self,
        context: &AuthContext<'_>,
        used: &dyn Credential,
        response: &Parts,
    ) -> Result<Verdict, AuthError>;

    /// Returns `true` if the strategy keeps sessions in the store of the seam. A seam with a store then needs a
    /// [`Vault`](crate::Vault). The default is `false`.
    fn keeps_sessions(&self) -> bool {
        false
    }

    /// Checks the settings of the strategy when the seam is built. The default accepts them.
    ///
    /// # Errors
    ///
    /// [`AuthError`] that names the setting: `build` fails with [`ErrorKind::Config`](crate::ErrorKind::Config).
    fn validate(&self) -> Result<(), AuthError> {
        Ok(())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A: AuthStrategy + ?Sized> AuthStrategy for Arc<A> {
    async fn prepare(&self, context: &AuthContext<'_>) -> Result<Arc<dyn Credential>, AuthError> {
        (**self).prepare(context).await
    }

    async fn rejected(
        &self,
        context: &AuthContext<'_>,
        used: &dyn Credential,
        response: &Parts,
    ) -> Result<Verdict, AuthError> {
        (**self).rejected(context, used, response).await
    }

    fn keeps_sessions(&self) -> bool {
        (**self).keeps_sessions()
    }

    fn validate(&self) -> Result<(), AuthError> {
        (**self).validate()
    }
}

/// A credential that is ready to be put on a request, such as the value of a header: see [`AuthStrategy`] for an
/// example.
pub trait Credential: Any + Debug + Send + Sync {
    /// Puts the credential on a request, without I/O.
    ///
    /// # Errors
    ///
    /// [`AuthError`] if the request cannot carry the credential.
    fn apply(&self, request: &mut http::Request<Body>) -> Result<(), AuthError>;

    /// Returns when the credential expires, by the wall clock; `None` if it does not expire.
    ///
    /// If the credential expires while the call waits for its slot, the call gives up the slot and prepares a new
    /// credential. A credential that had already expired when it was prepared is sent as it is: on a wrong clock every
    /// credential looks expired, and the call would prepare credentials without end.
    fn expires_at(&self) -> Option<SystemTime>;
}

/// What a call does after the API rejected its credential with 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The call prepares a credential again and sends its request again.
    TryAgain,
    /// The call fails with the 401.
    GiveUp,
}
