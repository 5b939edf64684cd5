//! Logging in, and no more.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use super::{AuthContext, AuthError, Credential, Session};

/// How to log in. Everything else is the library's: keeping the session in the store, sealed; one login for the whole
/// fleet; logging in anew when it has ended or is rejected. [`session`](super::session()) makes the strategy of it.
#[async_trait]
pub trait Login: Debug + Send + Sync + 'static {
    /// Whose sessions these are. What differs between two accounts must differ here: address, user, scopes. It becomes
    /// part of a key of the store, hashed; it holds no secret all the same.
    fn account(&self) -> String;

    /// Logs in, or makes `previous` last longer: the session that was there, if it is known still, which has ended or was
    /// rejected.
    ///
    /// Runs once for all callers of the fleet that wait for it, in a task of its own that is not dropped with them (where
    /// callers cannot wait for each other, as in a Worker, it is its caller's). It is dropped after the seam's deadline.
    ///
    /// # Errors
    ///
    /// [`AuthError`], for everybody who waits. One that [may be made good](AuthError::with_retryable) is tried again as
    /// the seam's [`Retry`](crate::Retry) says.
    async fn login(&self, context: &AuthContext<'_>, previous: Option<&Session>) -> Result<Session, AuthError>;

    /// What a request carries to show this session.
    ///
    /// # Errors
    ///
    /// [`AuthError`] if no request can carry it.
    fn credential(&self, session: &Session) -> Result<Arc<dyn Credential>, AuthError>;

    /// Whether each of your users ([`Seam::as_principal`](crate::Seam::as_principal)) has a session of its own, which `login`
    /// gets for [`AuthContext::principal`]. `false`: one session is everybody's.
    fn is_per_principal(&self) -> bool {
        true
    }

    /// What is wrong with its settings: reported when the seam is built.
    ///
    /// # Errors
    ///
    /// [`AuthError`], naming the setting.
    fn judge(&self) -> Result<(), AuthError> {
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
    fn judge(&self) -> Result<(), AuthError> {
        (**self).judge()
    }
}
