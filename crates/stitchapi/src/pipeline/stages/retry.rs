//! Waits before a retry, or ends the call.

use std::time::Duration;

use stitchapi_core::{TransportError, TransportErrorKind};

use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::call_run::CallRun;
use crate::pipeline::declaration::Declaration;
use crate::retry::is_idempotent;
use crate::trace::EventKind;

/// Failure of an attempt that got no response, or no complete one.
pub(in crate::pipeline) struct AttemptError {
    pub(in crate::pipeline) error: Error,
    /// Whether the connection failed before anything was sent. Otherwise the attempt is not repeated.
    pub(in crate::pipeline) may_retry: bool,
}

impl AttemptError {
    /// Creates the error of an attempt whose transport has failed.
    pub(in crate::pipeline) fn of_transport(error: TransportError) -> Self {
        let may_retry = error.kind() == TransportErrorKind::Connect;
        Self { error: error.into(), may_retry }
    }

    /// Creates the error of an attempt that got no response within its time.
    pub(in crate::pipeline) fn timeout() -> Self {
        Error::new(ErrorKind::Timeout, "no response within the time of one attempt").into()
    }
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        Self { error, may_retry: false }
    }
}

/// Sleeps before another attempt, for the pause that the stitch's [`Retry`](crate::Retry) computes from its backoff and
/// `retry_after`.
///
/// # Errors
///
/// `error`, if `may_retry` is `false`, the request is not idempotent, the retries are used up, `retry_after` is longer
/// than the policy accepts, or the sleep would not end before the deadline of the call.
pub(in crate::pipeline) async fn wait_before_retry(
    run: &mut CallRun,
    error: Error,
    may_retry: bool,
    retry_after: Option<Duration>,
) -> Result<()> {
    let Declaration { method, is_idempotent: declared_idempotent, retry, .. } = &*run.declaration;
    if !may_retry || !(*declared_idempotent || is_idempotent(method)) {
        return Err(error);
    }
    let runtime = run.runtime().clone();
    let Some(pause) = retry.pause(run.retries, retry_after, runtime.random()) else { return Err(error) };
    let until = runtime.now() + pause;
    if until >= run.context.deadline {
        return Err(error);
    }
    run.retries += 1;
    run.last_failure = Some(error);
    run.trace().emit(EventKind::Retry { pause });
    runtime.sleep_until(until).await;
    Ok(())
}
