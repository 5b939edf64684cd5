//! The two steps of authentication: making ready, which may take time, and applying, which may not.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http::header;
use http::response::Parts;
use stitchapi_core::{Body, Runtime, TransportError};

use crate::error::{ErrorKind, MAX_ERROR_BODY};
use crate::runtime::{TimeUp, within};
use crate::single_flight::SharedSource;
use crate::trace::Trace;
use crate::{BoxError, Principal, Seam};

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

    /// Whether it keeps sessions in the seam's store, which then needs a [`Vault`](crate::Vault).
    fn keeps_sessions(&self) -> bool {
        false
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

    fn judge(&self) -> Result<(), AuthError> {
        (**self).judge()
    }
}

/// What a request carries.
pub trait Credential: Any + Debug + Send + Sync {
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

/// For whom a credential is made ready, and with what.
#[derive(Clone, Copy)]
pub struct AuthContext<'a> {
    seam: &'a Seam,
    trace: &'a Trace,
}

impl<'a> AuthContext<'a> {
    pub(crate) fn new(seam: &'a Seam, trace: &'a Trace) -> Self {
        Self { seam, trace }
    }

    /// The name of the seam.
    #[must_use]
    pub fn seam(&self) -> &'a str {
        self.seam.name()
    }

    /// The name of the stitch whose call asked first.
    #[must_use]
    pub fn stitch(&self) -> &'a str {
        &self.trace.stitch
    }

    /// For which of your users, if the call is [for one](crate::Seam::as_principal).
    #[must_use]
    pub fn principal(&self) -> Option<&'a Principal> {
        self.seam.principal()
    }

    /// The seam's runtime.
    #[must_use]
    pub fn runtime(&self) -> &'a dyn Runtime {
        &**self.seam.runtime()
    }

    /// Sends a request through the seam's transport, and reads the answer: at most 64 KiB of it, in the time of one
    /// attempt. It is not paced, not tried again, and follows no redirect. Dropped: the request may have been sent.
    ///
    /// # Errors
    ///
    /// [`AuthError`] if no whole answer comes; [retryable](AuthError::with_retryable).
    pub async fn send(&self, mut request: http::Request<Body>) -> Result<http::Response<Bytes>, AuthError> {
        let (runtime, ends) = (self.runtime(), self.runtime().now() + self.seam.attempt_timeout());
        if let Some(agent) = self.seam.headers().get(header::USER_AGENT) {
            request.headers_mut().entry(header::USER_AGENT).or_insert_with(|| agent.clone());
        }
        let failed = |what: &str| AuthError::new(what).with_retryable(true);
        let exchange = async {
            let answer = self.seam.transport().send(request).await?;
            let (parts, body) = answer.into_parts();
            Ok((parts, body.collect(MAX_ERROR_BODY).await?))
        };
        match within(runtime, ends, exchange).await {
            Ok(Ok((parts, body))) if body.complete => Ok(http::Response::from_parts(parts, body.bytes)),
            Ok(Ok(_)) => Err(AuthError::new("the answer to the login is larger than 64 KiB")),
            Ok(Err(error)) => {
                let error: TransportError = error;
                Err(failed("no answer to the login").with_source(error))
            }
            Err(TimeUp) => Err(failed("no answer to the login in the time of one attempt")),
        }
    }

    pub(super) fn whole_seam(&self) -> &'a Seam {
        self.seam
    }

    pub(super) fn trace(&self) -> &'a Trace {
        self.trace
    }
}

impl Debug for AuthContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthContext")
            .field("seam", &self.seam())
            .field("stitch", &self.stitch())
            .finish_non_exhaustive()
    }
}

/// No credential could be made ready or applied. Its text holds no secret.
#[derive(Debug)]
pub struct AuthError {
    what: String,
    retryable: bool,
    retry_after: Option<Duration>,
    source: Option<BoxError>,
}

impl AuthError {
    /// Says what was attempted: lower case, no full stop, no secret.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), retryable: false, retry_after: None, source: None }
    }

    /// Says whether the same may succeed later. Not said, it may not.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// Says when whoever refused wants to be asked again.
    #[must_use]
    pub fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }

    /// When whoever refused wants to be asked again, if that was said.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// A failure that several callers share, for one of them.
    pub(super) fn of_flight(shared: &Arc<Self>) -> Self {
        let source = SharedSource::new(shared.clone(), Error::source).map(|source| Box::new(source) as BoxError);
        Self { what: shared.what.clone(), retryable: shared.retryable, retry_after: shared.retry_after, source }
    }

    /// Keeps the error behind it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl From<AuthError> for crate::error::Error {
    fn from(error: AuthError) -> Self {
        Self::new(ErrorKind::Auth, "no credential could be prepared")
            .with_retryable(error.is_retryable())
            .with_retry_after(error.retry_after())
            .with_source(error)
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
