//! How to log in: the part of a session that differs from API to API.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use super::context::AuthContext;
use super::error::AuthError;
use super::session::Session;
use super::strategy::Credential;

/// How to log in to an API, and which credential its requests then carry.
///
/// [`SeamBuilder::auth`](crate::SeamBuilder::auth) accepts a login. The library keeps the session in the store, as the
/// [vault](crate::Vault) encodes it. It logs in once for all processes that share the store, and again when the session
/// expires or the API rejects it: see [`session`](super::session()).
///
/// ```
/// use std::sync::Arc;
/// use std::time::{Duration, SystemTime};
///
/// use http::HeaderValue;
/// use secrecy::ExposeSecret;
/// use stitchapi::auth::{AuthContext, AuthError, Credential, Login, Session};
/// use stitchapi::{Body, Seam, async_trait};
///
/// #[derive(Debug)]
/// struct PasswordLogin {
///     user: String,
/// }
///
/// #[async_trait]
/// impl Login for PasswordLogin {
///     fn account(&self) -> String {
///         format!("login.example.com {}", self.user)
///     }
///
///     async fn login(&self, context: &AuthContext<'_>, _: Option<&Session>) -> Result<Session, AuthError> {
///         let password = std::env::var("PASSWORD").map_err(|_| AuthError::new("PASSWORD is not set"))?;
///         let body = format!("user={}&password={password}", self.user);
///         let request = http::Request::post("https://login.example.com/session").body(Body::from(body))
///             .map_err(|error| AuthError::new("the login request is invalid").with_source(error))?;
///         let asked_at = context.runtime().wall();
///         let response = context.send(request).await?;
///         if !response.status().is_success() {
///             return Err(AuthError::new(format!("the login was refused with {}", response.status())));
///         }
///         let token = String::from_utf8(response.into_body().to_vec())
///             .map_err(|_| AuthError::new("the session token is not text"))?;
///         Ok(Session::new(token, asked_at + Duration::from_secs(3600)))
///     }
///
///     fn credential(&self, session: &Session) -> Result<Arc<dyn Credential>, AuthError> {
///         let mut value = HeaderValue::try_from(session.token().expose_secret())
///             .map_err(|_| AuthError::new("the session token has characters that a header cannot have"))?;
///         value.set_sensitive(true);
///         Ok(Arc::new(SessionHeader(value)))
///     }
/// }
///
/// #[derive(Debug)]
/// struct SessionHeader(HeaderValue);
///
/// impl Credential for SessionHeader {
///     fn apply(&self, request: &mut http::Request<Body>) -> Result<(), AuthError> {
///         request.headers_mut().insert("x-session", self.0.clone());
///         Ok(())
///     }
///
///     fn expires_at(&self) -> Option<SystemTime> {
///         None
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
/// let api = Seam::builder("https://api.example.com").auth(PasswordLogin { user: "ada".to_owned() }).build()?;
/// # Ok(()) }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a login",
    label = "does not implement `Login`",
    note = "`session` makes a strategy of a `Login`; a value that is an `AuthStrategy` already goes into `.auth(..)` as it is"
)]
pub trait Login: Debug + Send + Sync + 'static {
    /// Returns the identity of the account. The text must differ between any two accounts: for example the login URL,
    /// the user and the scopes.
    ///
    /// A hash of it becomes a part of a store key. The text must not contain a secret.
    fn account(&self) -> String;

    /// Logs in. `previous` is the session to replace, if the store or this process still has it, because it expires,
    /// has expired or was rejected. The login may use its refresh token.
    ///
    /// * One login runs for all callers of the fleet that wait for it.
    /// * It runs in a task of its own, so that it is not dropped with its callers. In a runtime where callers [cannot
    ///   join](stitchapi_core::Runtime::joins_callers) each other, it runs in the caller's future.
    /// * It is dropped at the deadline that the seam sets for a whole call. For a login, this time counts from the
    ///   start of the first attempt and includes the retries.
    ///
    /// # Errors
    ///
    /// [`AuthError`], with which every waiting caller fails, unless the previous session may still be used. If the
    /// error is [retryable](AuthError::with_retryable) and its `retry_after` is at most 1 s or missing, the login is
    /// first repeated by the [`Retry`](crate::Retry) policy of the seam.
    async fn login(&self, context: &AuthContext<'_>, previous: Option<&Session>) -> Result<Session, AuthError>;

    /// Returns the credential that requests of this session carry.
    ///
    /// # Errors
    ///
    /// [`AuthError`] if no request can carry the credential.
    fn credential(&self, session: &Session) -> Result<Arc<dyn Credential>, AuthError>;

    /// Returns `true` if each of your users ([`Seam::as_principal`](crate::Seam::as_principal)) has a separate session;
    /// `login` then reads the user from [`AuthContext::principal`]. If it returns `false`, all calls share one session.
    /// The default is `true`.
    fn is_per_principal(&self) -> bool {
        true
    }

    /// Checks the settings of the login when the seam is built. The default accepts them.
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
impl<L: Login + ?Sized> Login for Arc<L> {
    fn account(&self) -> String {
        (**self).account()
    }

    async fn login(&self, context: &AuthContext<'_>, previous: Option<&Session>) -> Result<Session, AuthError> {
        (**self).login(context, previous).await
    }

    fn credential(&self, session: &Session) -> Result<Arc<dyn Credential>, AuthError> {
        (**self).credential(session)
    }

    fn is_per_principal(&self) -> bool {
        (**self).is_per_principal()
    }

    fn validate(&self) -> Result<(), AuthError> {
        (**self).validate()
    }
}
