//! One attempt of a call: runs its stages in order.

use super::call_run::CallRun;
use super::stages::intake::{ReceivedResponse, receive};
use super::stages::retry::AttemptError;
use super::stages::send::send;
use super::stages::throttle::{cost_of, wait_to_start};
use super::stages::{circuit, credential};
use crate::circuit::AttemptPermit;
use crate::endpoint::PreparedRequest;
use crate::trace::EventKind;

/// Makes one attempt, if the circuit admits it, and reports its outcome to the circuit.
///
/// # Errors
///
/// [`AttemptError`] if the request is not sent, no response arrives, or the body of a success cannot be read.
pub(super) async fn attempt(run: &mut CallRun, request: &PreparedRequest) -> Result<ReceivedResponse, AttemptError> {
    let Some(circuit_permit) = circuit::admit(run, request).await? else {
        return attempt_admitted(run, request, None).await;
    };
    let result = circuit_permit.run(attempt_admitted(run, request, Some(&circuit_permit))).await?;
    circuit::report_outcome(run, circuit_permit, &result).await;
    result
}

/// Prepares the credential, waits for concurrency permits and slots, sends the request and receives its response.
/// `circuit_permit` is the permit of the circuit, if the stitch has one.
async fn attempt_admitted(
    run: &mut CallRun,
    request: &PreparedRequest,
    circuit_permit: Option<&AttemptPermit>,
) -> Result<ReceivedResponse, AttemptError> {
    let (mut outgoing, credential, acquired) = loop {
        let outgoing = request.to_http();
        let credential = credential::prepare(run, request).await?;
        let cost = cost_of(run, &outgoing);
        let acquired = wait_to_start(run, cost).await?;
        // Everything is acquired again if a concurrency permit was lost (its lease expires when the process is paused),
        // or if the credential has expired during the wait. The slot is given up then, because a login takes longer
        // than the slot may wait.
        if acquired.are_held() && !credential.has_expired_since_prepared(&**run.runtime()) {
            break (outgoing, credential, acquired);
        }
    };
    credential.apply(&mut outgoing)?;
    if let Some(circuit_permit) = circuit_permit {
        circuit_permit.send(run.runtime().now())?;
    }
    run.report.attempts += 1;
    run.trace().emit_at(run.attempt_started_at, EventKind::Request { attempt: run.report.attempts });

    let unread = send(run, outgoing).await?;
    receive(run, request, &acquired, unread, credential.into_used()).await
}
