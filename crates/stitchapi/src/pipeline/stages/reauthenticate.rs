//! Replaces a credential that the API has rejected.

use super::intake::ReceivedResponse;
use crate::auth::Verdict;
use crate::endpoint::PreparedRequest;
use crate::error::{Error, Result};
use crate::pipeline::call_run::CallRun;
use crate::trace::EventKind;

/// Reports a 401 to the auth strategy, once per call. Returns `true` if the strategy replaces the credential, so that
/// the request has to be sent again, and `false` if the 401 is final.
///
/// # Errors
///
/// [`ErrorKind::Auth`](crate::ErrorKind::Auth) if the strategy fails.
pub(in crate::pipeline) async fn reauthenticate(
    run: &mut CallRun,
    request: &PreparedRequest,
    response: &ReceivedResponse,
) -> Result<bool> {
    let (Some(auth), Some(used)) = (run.seam.auth(), &response.credential) else { return Ok(false) };
    if request.is_cross_origin() || run.has_reported_rejection {
        return Ok(false);
    }
    let verdict = auth.rejected(&run.auth_context(), &**used, &response.parts).await;
    run.has_reported_rejection = true;
    match verdict {
        Ok(Verdict::TryAgain) => {
            run.trace().emit(EventKind::CredentialRejected);
            Ok(true)
        }
        Ok(Verdict::GiveUp) => Ok(false),
        Err(error) => Err(Error::from(error)),
    }
}
