//! The context that a strategy and a login receive: the call for which they work, and a method that sends requests.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header;
use stitchapi_core::{Body, Runtime, TransportError};

use super::error::AuthError;
use super::login_settings::LoginSettings;
use crate::context::CallContext;
use crate::error::MAX_ERROR_BODY;
use crate::principal::Principal;
use crate::runtime::{TimeUp, within};

/// The call for which a credential is prepared, with the runtime and the transport of its seam.
///
/// A strategy receives it in [`prepare`](super::AuthStrategy::prepare), a login in [`login`](super::Login::login):
///
/// ```
/// use stitchapi::auth::{AuthContext, AuthError};
/// use stitchapi::Body;
///
/// async fn fetch_token(context: &AuthContext<'_>) -> Result<String, AuthError> {
///     let request = http::Request::post("https://login.example.com/token").body(Body::from("user=ada")).unwrap();
///     let response = context.send(request).await?;
///     String::from_utf8(response.into_body().to_vec()).map_err(|_| AuthError::new("the token is not text"))
/// }
/// ```
#[derive(Clone, Copy)]
pub struct AuthContext<'a> {
    call: &'a CallContext,
    settings: &'a Arc<LoginSettings>,
}

impl<'a> AuthContext<'a> {
    pub(crate) fn new(call: &'a CallContext, settings: &'a Arc<LoginSettings>) -> Self {
        Self { call, settings }
    }

    /// Returns the name of the seam.
    #[must_use]
    pub fn seam(&self) -> &'a str {
        &self.call.trace.seam
    }

    /// Returns the name of the stitch of the call. If several calls wait for one login, it is the stitch of the call
    /// that began the login.
    #[must_use]
    pub fn stitch(&self) -> &'a str {
        &self.call.trace.stitch
    }

    /// Returns the user for whom the call is made, if it was made [for one](crate::Seam::as_principal).
    #[must_use]
    pub fn principal(&self) -> Option<&'a Principal> {
        self.call.principal.as_ref()
    }

    /// Returns the runtime of the seam.
    #[must_use]
    pub fn runtime(&self) -> &'a dyn Runtime {
        &**self.call.runtime()
    }

    /// Sends `request` through the transport of the seam and returns the whole response.
    ///
    /// * The whole response must arrive within the seam's [`attempt_timeout`](crate::SeamBuilder::attempt_timeout), and
    ///   its body must have at most 64 KiB.
    /// * The request is neither throttled nor retried, and no redirect is followed.
    /// * A request without `User-Agent` gets that of the seam.
    ///
    /// If the future is dropped, the request may have been sent.
    ///
    /// # Errors
    ///
    /// [`AuthError`]: [retryable](AuthError::is_retryable) if no response arrived in time; not retryable if the body of
    /// the response is larger than 64 KiB.
    pub async fn send(&self, mut request: http::Request<Body>) -> Result<http::Response<Bytes>, AuthError> {
        let LoginSettings { transport, user_agent, attempt_timeout, .. } = &**self.settings;
        if let Some(agent) = user_agent {
            request.headers_mut().entry(header::USER_AGENT).or_insert_with(|| agent.clone());
        }
        let exchange = async {
            let (parts, body) = transport.send(request).await?.into_parts();
            Ok::<_, TransportError>((parts, body.collect(MAX_ERROR_BODY).await?))
        };
        let retryable = |what: &str| AuthError::new(what).with_retryable(true);
        match within(self.runtime(), self.runtime().now() + *attempt_timeout, exchange).await {
            Ok(Ok((parts, body))) if body.complete => Ok(http::Response::from_parts(parts, body.bytes)),
            Ok(Ok(_)) => Err(AuthError::new("the response to the login is larger than 64 KiB")),
            Ok(Err(error)) => Err(retryable("no response to the login").with_source(error)),
            Err(TimeUp) => Err(retryable("no response to the login within the attempt timeout")),
        }
    }

    pub(super) fn call(&self) -> &'a CallContext {
        self.call
    }

    pub(super) fn settings(&self) -> &'a Arc<LoginSettings> {
        self.settings
    }
}

impl fmt::Debug for AuthContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthContext")
            .field("seam", &self.seam())
            .field("stitch", &self.stitch())
            .finish_non_exhaustive()
    }
}
