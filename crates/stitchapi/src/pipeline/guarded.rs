//! An attempt behind its circuit.

use std::error::Error as _;

use stitchapi_core::{Tick, TransportError, TransportErrorKind};

use super::attempt::{Answer, attempt};
use super::request::Target;
use super::{Failed, Run};
use crate::ErrorKind;
use crate::circuit::{Outcome, Symptom, is_failure};

/// One attempt, if the circuit lets it through; what became of it is counted there.
pub(super) async fn guarded(run: &mut Run<'_>, target: &Target) -> Result<Answer, Failed> {
    let circuit = run.declaration.circuit.as_ref().filter(|_| !target.is_abroad());
    let Some(circuit) = circuit else { return attempt(run, target, None).await };
    let ticket = circuit.admit(&run.trace, run.wait.deadline).await?;
    let tried = ticket.run(attempt(run, target, Some(&ticket))).await?;
    let outcome = ticket.sent_at().map_or(Outcome::Unknown, |sent_at| outcome(run, &tried, sent_at));
    ticket.end(outcome, &run.trace).await;
    tried
}

/// What an attempt that was sent says about the API.
fn outcome(run: &Run<'_>, tried: &Result<Answer, Failed>, sent_at: Tick) -> Outcome {
    let error = match tried {
        Ok(answer) if is_failure(answer.parts.status) => {
            return Outcome::Failed(Symptom::Status(answer.parts.status.as_u16()));
        }
        Ok(_) => return Outcome::Answered,
        Err(Failed { error, .. }) => error,
    };
    let transport = error.source().and_then(|source| source.downcast_ref::<TransportError>());
    match (error.kind(), transport.map(TransportError::kind)) {
        (ErrorKind::Transport, Some(TransportErrorKind::Connect)) => Outcome::Failed(Symptom::Connect),
        (ErrorKind::Transport, Some(TransportErrorKind::Broken)) => Outcome::Failed(Symptom::Broken),
        (ErrorKind::Transport, Some(TransportErrorKind::Timeout)) => Outcome::Failed(Symptom::Timeout),
        // A caller in a hurry tells nothing about the API.
        (ErrorKind::Timeout, _) if has_had_its_time(run, sent_at) => Outcome::Failed(Symptom::Timeout),
        _ => Outcome::Unknown,
    }
}

/// Whether an attempt that was cut off had at least half of the time that the stitch gives one.
fn has_had_its_time(run: &Run<'_>, sent_at: Tick) -> bool {
    let whole = run.seam.attempt_timeout().min(run.declaration.deadline);
    run.trace.runtime.now().since(sent_at) >= whole / 2
}
