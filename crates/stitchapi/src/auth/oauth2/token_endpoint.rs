//! The HTTP client that the `oauth2` crate uses. It sends the token request through the transport of the seam.

use std::sync::OnceLock;
use std::time::Duration;

use ::oauth2::basic::BasicErrorResponse;
use ::oauth2::{AsyncHttpClient, HttpRequest, HttpResponse, RequestTokenError};
use http::{StatusCode, header};
use stitchapi_core::{Body, BoxFuture};

use super::token_response::TokenResponse;
use crate::auth::context::AuthContext;
use crate::auth::error::AuthError;
use crate::rate_limit_headers::retry_after;

/// A token endpoint for one request. It remembers the parts of the response that the `oauth2` crate does not return:
/// the status, and the lifetime of the token.
pub(super) struct TokenEndpoint<'a> {
    context: AuthContext<'a>,
    /// Status of the response, and the lifetime of the token if it states one.
    response: OnceLock<(StatusCode, Option<Duration>)>,
}

impl<'a> TokenEndpoint<'a> {
    pub(super) fn new(context: AuthContext<'a>) -> Self {
        Self { context, response: OnceLock::new() }
    }

    /// Returns the lifetime of the token, if the response states one.
    pub(super) fn lifetime(&self) -> Option<Duration> {
        self.response.get().and_then(|(_, lifetime)| *lifetime)
    }

    /// Sends the token request and normalizes the response.
    ///
    /// # Errors
    ///
    /// [`AuthError`]: retryable if no response arrived in time, and for the statuses 408, 429 and 5xx; not retryable if
    /// the response is too large, or has a token that is not a bearer token.
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, AuthError> {
        let mut request = request.map(Body::from);
        if let Some(basic) = request.headers_mut().get_mut(header::AUTHORIZATION) {
            basic.set_sensitive(true);
        }
        let response = self.context.send(request).await?;
        let status = response.status();
        if status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) {
            let after = retry_after(response.headers(), self.context.runtime().wall());
            let error = AuthError::new(format!("the token endpoint responded {status}"));
            return Err(error.with_retryable(true).with_retry_after(after));
        }
        let normalized = TokenResponse::normalize(status, response.body())?;
        // It cannot be set already, because an endpoint serves one request.
        let _ = self.response.set((status, normalized.lifetime));
        let mut response = HttpResponse::new(normalized.body);
        *response.status_mut() = normalized.status;
        Ok(response)
    }

    /// Converts an error of the `oauth2` crate. That error is not kept as the source, because it may contain the whole
    /// body.
    pub(super) fn convert_error(&self, error: RequestTokenError<AuthError, BasicErrorResponse>) -> AuthError {
        let status = self.response.get().map_or(StatusCode::OK, |(status, _)| *status);
        match error {
            RequestTokenError::Request(error) => error,
            RequestTokenError::ServerResponse(response) => {
                let code = response.error().as_ref();
                let shown = if is_error_code(code) { code } else { "an error with an invalid code" };
                AuthError::new(format!("the token endpoint responded {status}: {shown}"))
                    .with_retryable(matches!(code, "server_error" | "temporarily_unavailable"))
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) if status == StatusCode::OK => {
                AuthError::new("the response of the token endpoint is not a token response (RFC 6749, section 5.1)")
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                AuthError::new(format!("the token endpoint responded {status} without an OAuth error code"))
            }
        }
    }
}

impl<'c> AsyncHttpClient<'c> for TokenEndpoint<'_> {
    type Error = AuthError;
    type Future = BoxFuture<'c, Result<HttpResponse, AuthError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}

/// Returns `true` if the text looks like a code of RFC 6749, section 5.2: 1 to 40 lower-case letters and underscores.
/// Other text is not shown, because it may be a secret.
fn is_error_code(code: &str) -> bool {
    (1..=40).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
