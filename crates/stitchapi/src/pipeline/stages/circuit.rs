//! The circuit of an attempt: admission before it, its outcome after it.

use std::error::Error as _;

use stitchapi_core::{Tick, TransportError, TransportErrorKind};

use super::intake::ReceivedResponse;
use super::retry::AttemptError;
use crate::circuit::{AttemptOutcome, AttemptPermit, Symptom, is_failure};
use crate::endpoint::PreparedRequest;
use crate::error::{ErrorKind, Result};
use crate::pipeline::call_run::CallRun;

/// Asks the circuit to admit an attempt. Returns `None` if the stitch has no circuit, or the request goes to another
/// origin.
///
/// # Errors
///
/// [`ErrorKind::CircuitOpen`].
pub(in crate::pipeline) async fn admit(run: &CallRun, request: &PreparedRequest) -> Result<Option<AttemptPermit>> {
    let Some(circuit) = run.declaration.circuit.as_ref().filter(|_| !request.is_cross_origin()) else {
        return Ok(None);
    };
    circuit.admit(run.trace(), run.context.deadline).await.map(Some)
}

/// Reports the outcome of an attempt to its circuit.
pub(in crate::pipeline) async fn report_outcome(
    run: &CallRun,
    permit: AttemptPermit,
    result: &Result<ReceivedResponse, AttemptError>,
) {
    let outcome = permit.sent_at().map_or(AttemptOutcome::Unknown, |sent_at| classify(run, result, sent_at));
    permit.end(outcome, run.trace()).await;
}

/// Returns what an attempt that was sent says about the health of the API.
fn classify(run: &CallRun, result: &Result<ReceivedResponse, AttemptError>, sent_at: Tick) -> AttemptOutcome {
    let error = match result {
        Ok(response) if is_failure(response.parts.status) => {
            return AttemptOutcome::Failed(Symptom::Status(response.parts.status.as_u16()));
        }
        Ok(_) => return AttemptOutcome::Responded,
        Err(AttemptError { error, .. }) => error,
    };
    let transport = error.source().and_then(|source| source.downcast_ref::<TransportError>());
    match (error.kind(), transport.map(TransportError::kind)) {
        (ErrorKind::Transport, Some(TransportErrorKind::Connect)) => AttemptOutcome::Failed(Symptom::Connect),
        (ErrorKind::Transport, Some(TransportErrorKind::Broken)) => AttemptOutcome::Failed(Symptom::Broken),
        (ErrorKind::Transport, Some(TransportErrorKind::Timeout)) => AttemptOutcome::Failed(Symptom::Timeout),
        // A timeout because of the call's own short deadline says nothing about the API.
        (ErrorKind::Timeout, _) if had_half_of_its_time(run, sent_at) => AttemptOutcome::Failed(Symptom::Timeout),
        _ => AttemptOutcome::Unknown,
    }
}

/// Returns `true` if an attempt that timed out had at least half of the time that the stitch allows for one.
fn had_half_of_its_time(run: &CallRun, sent_at: Tick) -> bool {
    let allowed = run.seam.attempt_timeout().min(run.declaration.deadline);
    run.runtime().now().since(sent_at) >= allowed / 2
}
