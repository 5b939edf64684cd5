//! The `oauth2` crate on a seam's transport.

use std::sync::OnceLock;
use std::time::Duration;

use ::oauth2::basic::BasicErrorResponse;
use ::oauth2::{AsyncHttpClient, HttpRequest, HttpResponse, RequestTokenError};
use http::{StatusCode, header};
use stitchapi_core::{Body, BoxFuture};

use super::answer::Answer;
use crate::auth::{AuthContext, AuthError};
use crate::rate_limit_headers::retry_after;

/// A token endpoint for one request, and what the crate does not hand on of its answer.
pub(super) struct Endpoint<'a> {
    context: AuthContext<'a>,
    said: OnceLock<(StatusCode, Option<Duration>)>,
}

impl<'a> Endpoint<'a> {
    pub(super) fn new(context: AuthContext<'a>) -> Self {
        Self { context, said: OnceLock::new() }
    }

    /// How long the token is good for, if the answer says so.
    pub(super) fn lifetime(&self) -> Option<Duration> {
        self.said.get().and_then(|(_, lifetime)| *lifetime)
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, AuthError> {
        let mut request = request.map(Body::from);
        if let Some(basic) = request.headers_mut().get_mut(header::AUTHORIZATION) {
            basic.set_sensitive(true);
        }
        let answer = self.context.send(request).await?;
        let status = answer.status();
        if status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) {
            let after = retry_after(answer.headers(), self.context.runtime().wall());
            let error = AuthError::new(format!("the token endpoint answered {status}"));
            return Err(error.with_retryable(true).with_retry_after(after));
        }
        let answer = Answer::read(status, answer.body())?;
        // There is one request only.
        let _ = self.said.set((status, answer.lifetime));
        let mut response = HttpResponse::new(answer.body);
        *response.status_mut() = answer.status;
        Ok(response)
    }

    /// The crate's error in our words. It is not kept as a source: it may hold the whole body.
    pub(super) fn failed(&self, error: RequestTokenError<AuthError, BasicErrorResponse>) -> AuthError {
        let status = self.said.get().map_or(StatusCode::OK, |(status, _)| *status);
        match error {
            RequestTokenError::Request(error) => error,
            RequestTokenError::ServerResponse(answer) => {
                let code = answer.error().as_ref();
                let shown = if is_code(code) { code } else { "an error with a code that is none" };
                AuthError::new(format!("the token endpoint answered {status}: {shown}"))
                    .with_retryable(matches!(code, "server_error" | "temporarily_unavailable"))
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) if status == StatusCode::OK => {
                AuthError::new("the answer of the token endpoint is no token response")
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                AuthError::new(format!("the token endpoint answered {status} and no OAuth error"))
            }
        }
    }
}

impl<'c> AsyncHttpClient<'c> for Endpoint<'_> {
    type Error = AuthError;
    type Future = BoxFuture<'c, Result<HttpResponse, AuthError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}

/// Whether it looks like the codes that there are (RFC 6749, section 5.2) and like no secret.
fn is_code(code: &str) -> bool {
    (1..=40).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
