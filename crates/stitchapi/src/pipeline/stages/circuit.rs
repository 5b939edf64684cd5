//! The circuit of an attempt: admits the attempt before its first stage, and receives its outcome at the end.

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
/// [`ErrorKind::CircuitOpen`] if the circuit refuses the attempt.
pub(in crate::pipeline) async fn admit(run: &CallRun, request: &PreparedRequest) -> Result<Option<AttemptPermit>> {
    let Some(circuit) = run.declaration.circuit.as_ref().filter(|_| !request.is_cross_origin()) else {
        return Ok(None);
    };
    circuit.admit(run.trace(), run.context.deadline).await.map(Some)
}

/// Reports the outcome of an attempt to its circuit: [`AttemptOutcome::Unknown`] if its request was not sent.
pub(in crate::pipeline) async fn report_outcome(
    run: &CallRun,
    permit: AttemptPermit,
    result: &Result<ReceivedResponse, AttemptError>,
) {
    let outcome = permit.sent_at().map_or(AttemptOutcome::Unknown, |sent_at| classify(run, result, sent_at));
    permit.end(outcome, run.trace()).await;
}

/// Classifies the result of an attempt whose request was sent: the API responded, the API failed, or neither is known.
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
        // A timeout counts as a failure of the API only if the API had time to respond, because a call may have a short
        // deadline of its own.
        (ErrorKind::Timeout, _) if had_half_of_its_time(run, sent_at) => AttemptOutcome::Failed(Symptom::Timeout),
        _ => AttemptOutcome::Unknown,
    }
}

/// Returns `true` if an attempt that timed out had at least half of its usual time: the seam's limit for one attempt,
/// or the stitch's deadline if that is shorter.
fn had_half_of_its_time(run: &CallRun, sent_at: Tick) -> bool {
    let allowed = run.seam.attempt_timeout().min(run.declaration.deadline);
    run.runtime().now().since(sent_at) >= allowed / 2
}
