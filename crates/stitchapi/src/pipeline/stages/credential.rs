//! The credential of an attempt: prepared before the attempt waits for its slot (its start time from the throttle), and
//! applied to the request when the slot begins.

use std::sync::Arc;
use std::time::SystemTime;

use stitchapi_core::{Body, Runtime};

use crate::auth::Credential;
use crate::endpoint::PreparedRequest;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::call_run::CallRun;

/// The credential of one attempt, if the request carries one.
pub(in crate::pipeline) struct PreparedCredential {
    credential: Option<Arc<dyn Credential>>,
    /// Expiry of the credential. `None` if there is no credential, if it does not expire, or if it had expired already when
    /// it was prepared.
    valid_until: Option<SystemTime>,
}

/// Prepares the credential of a request. A seam without an auth strategy has none, and a request to another origin
/// carries none.
///
/// # Errors
///
/// [`ErrorKind::Auth`] if the strategy fails.
pub(in crate::pipeline) async fn prepare(run: &CallRun, request: &PreparedRequest) -> Result<PreparedCredential> {
    let Some(auth) = run.seam.auth().filter(|_| !request.is_cross_origin()) else {
        return Ok(PreparedCredential { credential: None, valid_until: None });
    };
    let credential = auth.prepare(&run.auth_context()).await.map_err(Error::from)?;
    let now = run.runtime().wall();
    let valid_until = credential.expires_at().filter(|until| *until > now);
    Ok(PreparedCredential { credential: Some(credential), valid_until })
}

impl PreparedCredential {
    /// Returns `true` if the credential was valid when it was prepared and has expired since. A credential that had
    /// already expired when it was prepared is sent nevertheless, because the local clock may be wrong, so that every
    /// new credential would look expired, too.
    pub(in crate::pipeline) fn has_expired_since_prepared(&self, runtime: &dyn Runtime) -> bool {
        self.valid_until.is_some_and(|until| until <= runtime.wall())
    }

    /// Applies the credential to a request.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Auth`] if the credential cannot be applied to this request.
    pub(in crate::pipeline) fn apply(&self, request: &mut http::Request<Body>) -> Result<()> {
        let Some(credential) = &self.credential else { return Ok(()) };
        let failed =
            |error| Error::new(ErrorKind::Auth, "credential cannot be applied to the request").with_source(error);
        credential.apply(request).map_err(failed)
    }

    /// Returns the credential that the request carried.
    pub(in crate::pipeline) fn into_used(self) -> Option<Arc<dyn Credential>> {
        self.credential
    }
}
