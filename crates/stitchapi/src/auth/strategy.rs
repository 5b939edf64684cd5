//! The two steps of authentication: making ready, which may take time, and applying, which may not.

use std::error::Error;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use http::response::Parts;
use stitchapi_core::{Body, Runtime};

use crate::BoxError;

/// A way to authenticate.
///
/// `prepare` runs **before** the throttle's slot is booked and may do I/O; what it returns cannot. So nothing happens
/// between a slot and its request: ten calls that wait for one login do not leave in a bunch, and a signature does not
/// age in the queue.
#[async_trait]
pub trait AuthStrategy: Debug + Send + Sync + 'static {
    /// Makes a credential ready. Dropped with the call that asked for it.
    ///
    /// # Errors
    ///
    /// [`AuthError`]: the call fails with [`ErrorKind::Auth`](crate::ErrorKind::Auth), and nothing is sent.
    async fn prepare(&self, context: &AuthContext<'_>) -> Result<Arc<dyn Credential>, AuthError>;

    /// The API answered 401 to a request with this credential. Asked once a call.
    ///
    /// # Errors
    ///
    /// [`AuthError`], as of [`prepare`](Self::prepare).
    async fn rejected(
        &self,
        context: &AuthContext<'_>,
        used: &dyn Credential,
        response: &Parts,
    ) -> Result<Verdict, AuthError>;
}

#[async_trait]
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
}

/// What a request carries.
pub trait Credential: Debug + Send + Sync {
    /// Puts itself on a request.
    ///
    /// # Errors
    ///
    /// [`AuthError`] if the request cannot carry it.
    fn apply(&self, request: &mut http::Request<Body>) -> Result<(), AuthError>;

    /// After this it is made ready again, if the throttle kept the call waiting past it. `None`: it does not expire.
    fn expires_at(&self) -> Option<SystemTime>;
}

/// What to do about a rejected credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Prepare again and send again.
    TryAgain,
    /// The 401 stands.
    GiveUp,
}

/// For whom a credential is made ready.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct AuthContext<'a> {
    /// The name of the seam.
    pub seam: &'a str,
    /// The name of the stitch.
    pub stitch: &'a str,
    /// The seam's runtime.
    pub runtime: &'a dyn Runtime,
}

/// No credential could be made ready or applied. Its text holds no secret.
#[derive(Debug)]
pub struct AuthError {
    what: String,
    source: Option<BoxError>,
}

impl AuthError {
    /// Says what was attempted: lower case, no full stop, no secret.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// Keeps the error behind it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for AuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
