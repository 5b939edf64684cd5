//! Hands the request of an attempt to the transport.

use stitchapi_core::{Body, Tick};

use super::retry::AttemptError;
use crate::pipeline::call_run::CallRun;
use crate::runtime::{TimeUp, within};

/// A response whose body has not been read.
pub(in crate::pipeline) struct UnreadResponse {
    pub(in crate::pipeline) response: http::Response<Body>,
    pub(in crate::pipeline) sent_at: Tick,
    /// The end of the attempt: the time until which the body may be read.
    pub(in crate::pipeline) ends_at: Tick,
}

/// Sends a request and waits for the head of its response, within the time of one attempt.
///
/// # Errors
///
/// [`AttemptError`] if the transport fails, or no response arrives in time.
pub(in crate::pipeline) async fn send(
    run: &CallRun,
    request: http::Request<Body>,
) -> Result<UnreadResponse, AttemptError> {
    let runtime = run.runtime();
    let sent_at = runtime.now();
    let ends_at = (sent_at + run.seam.attempt_timeout()).min(run.context.deadline);
    match within(&**runtime, ends_at, run.seam.transport().send(request)).await {
        Ok(Ok(response)) => Ok(UnreadResponse { response, sent_at, ends_at }),
        Ok(Err(error)) => Err(AttemptError::of_transport(error)),
        Err(TimeUp) => Err(AttemptError::timeout()),
    }
}
