//! One attempt: credential, slot, request, answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use stitchapi_core::{Body, Collected};

use super::request::Target;
use super::{Failed, Run};
use crate::auth::Credential;
use crate::circuit::Ticket;
use crate::error::MAX_ERROR_BODY;
use crate::rate_limit_headers;
use crate::runtime::{TimeUp, within};
use crate::throttle::{Bucket, Cost, Taken, Units, flow};
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

pub(super) async fn attempt(run: &mut Run<'_>, target: &Target, ticket: Option<&Ticket>) -> Result<Answer, Failed> {
    let runtime = run.trace.runtime.clone();
    let (credential, mut request, Drawn { charged, places: _in_use }) = loop {
        let request = target.request();
        let credential = prepare(run, target).await?;
        let good_until = credential.as_ref().and_then(|credential| credential.expires_at());
        let was_good = good_until.is_some_and(|until| until > runtime.wall());
        let cost = cost_of(run, &request);
        let drawn = wait_in_turn(run, cost).await?;
        // One whose place was lost meanwhile, since its process was paused, takes another one.
        if !drawn.places.iter().all(Taken::is_held) {
            continue;
        }
        // One that has expired in the queue goes back, and the slot with it: a login takes its time. One that came
        // expired is the API's to judge: a clock may be wrong, and asking again would not end.
        if !was_good || good_until.is_some_and(|until| until > runtime.wall()) {
            break (credential, request, drawn);
        }
    };
    if let Some(credential) = &credential {
        let cannot = |error| Error::new(ErrorKind::Auth, "the request cannot carry the credential").with_source(error);
        credential.apply(&mut request).map_err(cannot)?;
    }
    if let Some(ticket) = ticket {
        ticket.send(runtime.now())?;
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
    hold(run, &charged, target, &parts);
    let limit = if parts.status.is_success() { seam.body_limit() } else { MAX_ERROR_BODY };
    let collected = match within(&*runtime, ends, body.collect(limit)).await {
        Ok(Ok(collected)) => collected,
        // The status of an answer that is no success says more than what became of its body.
        _ if !parts.status.is_success() => Collected { bytes: Bytes::new(), complete: false },
        Ok(Err(error)) => return Err(Failed::from_transport(error)),
        Err(TimeUp) => return Err(too_late()),
    };
    run.trace.emit(EventKind::Response { status: parts.status, elapsed: runtime.now().since(begins) });
    settle(run, charged, &parts, &collected.bytes);
    Ok(Answer { parts, body: collected.bytes, complete: collected.complete, credential })
}

/// What an attempt has drawn from its buckets.
type Charged = Vec<(Arc<Bucket>, Units)>;

/// What an attempt has: its charges, and its places for as long as it lasts.
#[derive(Default)]
struct Drawn {
    charged: Charged,
    places: Vec<Taken>,
}

/// What the attempt costs, as far as is known before it.
fn cost_of(run: &Run<'_>, request: &http::Request<Body>) -> Cost {
    match (&run.cost, &run.declaration.cost) {
        (Some(cost), _) => cost.clone(),
        (None, Some(cost)) => cost(request),
        (None, None) => Cost::default(),
    }
}

/// Waits for a place and then for a slot of each throttle that the call passes, narrowest first; sets the reading of the
/// clock at which the attempt may start.
async fn wait_in_turn(run: &mut Run<'_>, cost: Cost) -> Result<Drawn, Error> {
    run.starts_at = run.trace.runtime.now();
    let (declaration, seam) = (run.declaration, run.seam.clone());
    seam.drain().may_start()?;
    let buckets = declaration.gates.iter().chain(seam.gate()).map(|gate| gate.bucket(seam.principal()));
    let buckets: Vec<Arc<Bucket>> = buckets.collect::<Result<_, Error>>()?;
    let mut drawn = Drawn::default();
    for bucket in &buckets {
        let Some(places) = bucket.places() else { continue };
        let place = places.take(flow(seam.principal()), run.wait).await?;
        run.starts_at = run.trace.runtime.now();
        has_waited(run, place.waited());
        drawn.places.push(place);
    }
    for bucket in buckets {
        let Some(units) = bucket.units(&cost)? else { continue };
        let started = bucket.start(&units, flow(seam.principal()), run.wait, &run.trace).await?;
        run.starts_at = started.at;
        has_waited(run, started.waited);
        let units = units.into_owned();
        drawn.charged.push((bucket, units));
    }
    Ok(drawn)
}

/// Says that the attempt has waited, until it could start.
fn has_waited(run: &mut Run<'_>, waited: Duration) {
    run.report.waited += waited;
    if !waited.is_zero() {
        run.trace.emit_at(run.starts_at, EventKind::Waited { waited });
    }
}

/// Lets nobody start for as long as an answer asks. Another origin's answer says nothing about this API.
fn hold(run: &Run<'_>, charged: &Charged, target: &Target, parts: &Parts) {
    let (Some((narrowest, _)), Some((widest, _))) = (charged.first(), charged.last()) else { return };
    if target.is_abroad() {
        return;
    }
    let signal = rate_limit_headers::read(parts.status, &parts.headers, run.trace.runtime.wall());
    charged.iter().for_each(|(bucket, _)| bucket.record_acceptance(signal, run.starts_at));
    let bucket = if signal.is_partial { narrowest } else { widest };
    bucket.apply_cooldown(signal, run.starts_at);
}

/// Charges what the call has really cost, where only the answer tells.
fn settle(run: &Run<'_>, charged: Charged, parts: &Parts, body: &Bytes) {
    let actual = run.declaration.settle.as_ref().and_then(|settle| settle(parts, body));
    let Some(actual) = actual.filter(|_| !charged.is_empty()) else { return };
    let under_way = run.seam.drain().begin_nested();
    run.trace.runtime.spawn(Box::pin(async move {
        for (bucket, units) in &charged {
            bucket.settle(units, &actual).await;
        }
        drop(under_way);
    }));
}

/// Makes the credential ready, if this target gets one.
async fn prepare(run: &Run<'_>, target: &Target) -> Result<Option<Arc<dyn Credential>>, Failed> {
    let Some(auth) = run.seam.auth().filter(|_| !target.is_abroad()) else { return Ok(None) };
    match auth.prepare(&run.auth_context()).await {
        Ok(credential) => Ok(Some(credential)),
        Err(error) => Err(Error::from(error).into()),
    }
}
