//! One attempt: credential, slot, request, answer.

use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use stitchapi_core::{Collected, Tick};

use super::request::Target;
use super::{Failed, Run};
use crate::auth::Credential;
use crate::error::ERROR_BODY;
use crate::resilience::{TimeUp, within};
use crate::throttle::Cost;
use crate::trace::EventKind;
use crate::{Error, ErrorKind};

/// An answer, read to its end or to its limit.
pub(crate) struct Answer {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    pub(super) complete: bool,
    /// What the request carried.
    pub(super) credential: Option<Arc<dyn Credential>>,
}

impl Answer {
    /// An answer that is here already.
    pub(crate) fn whole(parts: Parts, body: Bytes) -> Self {
        Self { parts, body, complete: true, credential: None }
    }
}

pub(super) async fn attempt(run: &mut Run<'_>, target: &Target) -> Result<Answer, Failed> {
    let runtime = run.trace.runtime.clone();
    let (credential, mut request) = loop {
        let request = target.request();
        let credential = prepare(run, target).await?;
        let good_until = credential.as_ref().and_then(|credential| credential.expires_at());
        let was_good = good_until.is_some_and(|until| until > runtime.wall());
        run.starts_at = wait_for_slot(run).await?;
        // One that has expired in the queue goes back, and the slot with it: a login takes its time. One that came
        // expired is the API's to judge: a clock may be wrong, and asking again would not end.
        if !was_good || good_until.is_some_and(|until| until > runtime.wall()) {
            break (credential, request);
        }
    };
    if let Some(credential) = &credential {
        let cannot = |error| Error::new(ErrorKind::Auth, "the request cannot carry the credential").with_source(error);
        credential.apply(&mut request).map_err(cannot)?;
    }
    run.report.attempts += 1;
    run.trace.emit_at(run.starts_at, EventKind::Request { attempt: run.report.attempts });

    let begins = runtime.now();
    let ends = run.attempt_ends(begins);
    let seam = &run.seam;
    let too_late = || Failed::from(Error::new(ErrorKind::Timeout, "no answer in the time of one attempt"));
    let response = match within(&*runtime, ends, seam.transport().send(request)).await {
        Ok(answer) => answer.map_err(Failed::from_transport)?,
        Err(TimeUp) => return Err(too_late()),
    };
    let (parts, body) = response.into_parts();
    let limit = if parts.status.is_success() { seam.body_limit() } else { ERROR_BODY };
    let collected = match within(&*runtime, ends, body.collect(limit)).await {
        Ok(Ok(collected)) => collected,
        // The status of an answer that is no success says more than what became of its body.
        _ if !parts.status.is_success() => Collected { bytes: Bytes::new(), complete: false },
        Ok(Err(error)) => return Err(Failed::from_transport(error)),
        Err(TimeUp) => return Err(too_late()),
    };
    run.trace.emit(EventKind::Response { status: parts.status, elapsed: runtime.now().since(begins) });
    Ok(Answer { parts, body: collected.bytes, complete: collected.complete, credential })
}

/// Waits for a slot of the throttle, if there is one; the reading of the clock at which the attempt may start.
async fn wait_for_slot(run: &mut Run<'_>) -> Result<Tick, Error> {
    let runtime = run.trace.runtime.clone();
    let Some(bucket) = run.seam.bucket() else { return Ok(runtime.now()) };
    let Some(units) = bucket.units(&Cost::default())? else { return Ok(runtime.now()) };
    let started = bucket.start(&units, 0, run.wait, &run.trace).await?;
    run.report.waited += started.waited;
    if !started.waited.is_zero() {
        run.trace.emit_at(started.at, EventKind::Throttled { waited: started.waited });
    }
    Ok(started.at)
}

/// Makes the credential ready, if this target gets one.
async fn prepare(run: &Run<'_>, target: &Target) -> Result<Option<Arc<dyn Credential>>, Failed> {
    let Some(auth) = run.seam.auth().filter(|_| !target.is_abroad()) else { return Ok(None) };
    match auth.prepare(&run.auth_context()).await {
        Ok(credential) => Ok(Some(credential)),
        Err(error) => Err(Error::of_auth(error).into()),
    }
}
