//! Makes attempts until a response or a failure is final.
//!
//! Takes the request of a call, and returns a successful response with its whole body. After each attempt one of four
//! things happens: the result is final, a redirect gives the next request, a rejected credential is replaced, or the
//! attempt is retried.

use http::StatusCode;

use super::attempt::attempt;
use super::call_run::CallRun;
use super::stages::intake::ReceivedResponse;
use super::stages::reauthenticate::reauthenticate;
use super::stages::redirect::redirected_request;
use super::stages::retry::{AttemptError, wait_before_retry};
use crate::endpoint::PreparedRequest;
use crate::error::{Error, ErrorKind, ErrorResponse, Result};
use crate::rate_limit_headers::retry_after;
use crate::retry::is_retryable_status;
use crate::trace::EventKind;

/// Sends a request, follows redirects and retries, until there is a response to return.
///
/// # Errors
///
/// The last failure. If the throttle or the circuit refuses a retry, this is the failure that caused the retry.
pub(super) async fn exchange(run: &mut CallRun, mut request: PreparedRequest) -> Result<ReceivedResponse> {
    loop {
        let response = match attempt(run, &request).await {
            Ok(response) => response,
            // This attempt sent nothing. If it was a retry, the failure that caused the retry is more useful than the
            // refusal.
            Err(AttemptError { error, .. })
                if matches!(error.kind(), ErrorKind::Throttled | ErrorKind::CircuitOpen) =>
            {
                return Err(run.last_failure.take().unwrap_or(error));
            }
            Err(AttemptError { error, may_retry }) => {
                wait_before_retry(run, error, may_retry, None).await?;
                continue;
            }
        };
        let status = response.parts.status;
        if status.is_success() {
            return require_complete(response);
        }
        if status.is_redirection() {
            request = next_request(run, &request, response)?;
            continue;
        }
        let retry_after = retry_after(&response.parts.headers, run.runtime().wall());
        if status == StatusCode::UNAUTHORIZED && reauthenticate(run, &request, &response).await? {
            continue;
        }
        let error = status_error(response).with_retry_after(retry_after);
        wait_before_retry(run, error, is_retryable_status(status), retry_after).await?;
    }
}

/// Returns the request that a redirect asks for.
///
/// # Errors
///
/// [`ErrorKind::Status`] if the seam allows no further redirect, or the redirect cannot be followed.
fn next_request(run: &mut CallRun, request: &PreparedRequest, response: ReceivedResponse) -> Result<PreparedRequest> {
    if run.redirects >= run.seam.redirects() {
        return Err(status_error(response));
    }
    run.redirects += 1;
    let Some(next) = redirected_request(request, &response.parts) else { return Err(status_error(response)) };
    run.trace().emit(EventKind::Redirect { cross_origin: next.is_cross_origin() });
    Ok(next)
}

/// Returns the response, or [`ErrorKind::TooLarge`] if its body was cut off at the limit.
fn require_complete(response: ReceivedResponse) -> Result<ReceivedResponse> {
    if response.is_complete {
        return Ok(response);
    }
    let kept = ErrorResponse::new(response.parts, response.body);
    let what = "response body is larger than the limit; raise it with SeamBuilder::body_limit";
    Err(Error::new(ErrorKind::TooLarge, what).with_response(kept))
}

/// Converts a response that is not a success into an error.
fn status_error(response: ReceivedResponse) -> Error {
    let ReceivedResponse { parts, body, .. } = response;
    Error::new(ErrorKind::Status, format!("API responded {}", parts.status))
        .with_retryable(is_retryable_status(parts.status))
        .with_response(ErrorResponse::new(parts, body))
}
