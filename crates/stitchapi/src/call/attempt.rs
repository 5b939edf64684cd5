//! One attempt: credential, slot, request, answer.

use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use stitchapi_core::{Collected, Tick};

use super::request::Target;
use super::{Failed, Run};
use crate::auth::Credential;
use crate::resilience::{TimeUp, within};
use crate::trace::EventKind;
use crate::{Error, ErrorKind};

/// So much of an answer that is no success is kept.
const ERROR_BODY: usize = 64 << 10;

/// An answer, read to its end or to its limit.
pub(super) struct Answer {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
    pub(super) complete: bool,
    /// What the request carried.
    pub(super) credential: Option<Arc<dyn Credential>>,
}

pub(super) async fn attempt(run: &mut Run<'_>, target: &Target) -> Result<Answer, Failed> {
    let runtime = run.trace.runtime.clone();
    let seam = &run.declaration.seam;
    let credential = loop {
        let credential = prepare(run, target).await?;
        let good_until = credential.as_ref().and_then(|credential| credential.expires_at());
        let was_good = good_until.is_some_and(|until| until > runtime.wall());
        let begins = wait_for_slot(run).await?;
        // One that has expired in the queue goes back, and the slot with it: a login takes its time. One that came
        // expired is the API's to judge: a clock may be wrong, and asking again would not end.
        if was_good && good_until.is_some_and(|until| until <= runtime.wall()) {
            continue;
        }
        run.report.attempts += 1;
        run.trace.emit_at(begins, EventKind::Request { attempt: run.report.attempts });
        break credential;
    };

    let begins = runtime.now();
    let request = target.request(credential.as_deref()).map_err(Failed::from)?;
    let exchange = async {
        let response = seam.transport().send(request).await?;
        let (parts, body) = response.into_parts();
        let limit = if parts.status.is_success() { seam.body_limit() } else { ERROR_BODY };
        let Collected { bytes, complete } = body.collect(limit).await?;
        Ok((parts, bytes, complete))
    };
    let (parts, body, complete) = match within(&*runtime, run.attempt_ends(begins), exchange).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(Failed::from_transport(error)),
        Err(TimeUp) => return Err(Error::new(ErrorKind::Timeout, "no answer in the time of one attempt").into()),
    };
    run.trace.emit(EventKind::Response { status: parts.status, elapsed: runtime.now().since(begins) });
    Ok(Answer { parts, body, complete, credential })
}

/// Waits for a slot of the throttle, if there is one; the reading of the clock at which the attempt may start.
async fn wait_for_slot(run: &mut Run<'_>) -> Result<Tick, Error> {
    let runtime = run.trace.runtime.clone();
    let Some(bucket) = run.declaration.seam.bucket() else { return Ok(runtime.now()) };
    let started = bucket.start(&*runtime, run.wait, &run.trace).await?;
    run.report.waited += started.waited;
    if !started.waited.is_zero() {
        run.trace.emit_at(started.at, EventKind::Throttled { waited: started.waited });
    }
    Ok(started.at)
}

/// Makes the credential ready, if this target gets one.
async fn prepare(run: &Run<'_>, target: &Target) -> Result<Option<Arc<dyn Credential>>, Failed> {
    let Some(auth) = run.declaration.seam.auth().filter(|_| !target.is_abroad()) else { return Ok(None) };
    match auth.prepare(&run.auth_context()).await {
        Ok(credential) => Ok(Some(credential)),
        Err(error) => Err(Error::new(ErrorKind::Auth, "no credential could be made ready").with_source(error).into()),
    }
}
