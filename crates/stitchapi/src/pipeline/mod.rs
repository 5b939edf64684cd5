//! One call, step by step.
//!
//! A cached answer returns at once, and a miss is one fetch for all that want the same. A fetch, and a call without a
//! cache, attempts. For each attempt: the circuit lets it through → the credential is made ready → a place and the
//! throttle's slot are waited for → the request is signed and sent at once → the answer is followed, tried again, or
//! returned. What may take time comes before the slot, so that nothing stands between a slot and its request.

mod attempt;
mod guarded;
mod redirect;
mod request;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::response::Parts;
use stitchapi_core::{Tick, TransportError, TransportErrorKind};

pub(crate) use attempt::Answer;
use guarded::guarded;
use redirect::follow;
pub(crate) use request::Target;

use crate::auth::{AuthContext, Verdict};
use crate::cache;
use crate::context::InFlightGuard;
use crate::endpoint::Encoded;
use crate::rate_limit_headers::retry_after;
use crate::retry::{is_idempotent, says_retry};
use crate::runtime::{TimeUp, within};
use crate::stitch::{Declaration, Report};
use crate::throttle::{Cost, Wait};
use crate::trace::{CallId, EventKind, Trace};
use crate::{Error, ErrorKind, ErrorResponse, Principal, Result, Seam};

/// What one call says of its own.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) deadline: Option<Duration>,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) cost: Option<Cost>,
    pub(crate) headers: HeaderMap,
    pub(crate) principal: Option<Principal>,
}

/// Turns the final answer into the caller's value.
type Decode<'d, T> = dyn Fn(&Parts, Bytes) -> Result<T> + Send + Sync + 'd;

/// A call on its way.
pub(crate) struct Run<'c> {
    pub(crate) declaration: &'c Arc<Declaration>,
    /// The declaration's, for the call's principal.
    pub(crate) seam: Seam,
    pub(crate) trace: Trace,
    pub(crate) wait: Wait,
    pub(crate) report: Report,
    /// What the call itself says that it costs.
    pub(crate) cost: Option<Cost>,
    /// When the attempt starts: the reading that passed the lateness test.
    pub(crate) starts_at: Tick,
    retries: u32,
    /// The failure that the next attempt is to make good.
    tried: Option<Error>,
    /// Whether the credential has been rejected once.
    rejected: bool,
    hops: u8,
    begun: Tick,
    done: bool,
    _under_way: InFlightGuard,
}

/// Makes the call.
pub(crate) async fn run<T: Send>(
    declaration: &Arc<Declaration>,
    encoded: &Encoded,
    overrides: &Overrides,
    decode: &Decode<'_, T>,
) -> Result<(T, Parts, Report)> {
    let under_way = declaration.seam.drain().begin().map_err(|error| error.with_stitch(&declaration.name))?;
    let mut run = Run::of_call(declaration, overrides, under_way);
    let deadline = run.wait.deadline;
    let runtime = run.trace.runtime.clone();
    let result = match within(&*runtime, deadline, run.answer(encoded, overrides)).await {
        Ok(Ok(answer)) => decode(&answer.parts, answer.body).map(|value| (value, answer.parts)),
        Ok(Err(error)) => Err(error),
        Err(TimeUp) => Err(Error::new(ErrorKind::Timeout, "the call's deadline passed")),
    };
    run.done(result.as_ref().err().map(Error::kind));
    match result {
        Ok((value, parts)) => Ok((value, parts, run.report)),
        Err(error) => Err(error.with_stitch(&declaration.name).with_attempts(run.report.attempts)),
    }
}

/// Says that nobody waits for it any more.
impl Drop for Run<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.trace.emit(EventKind::CallDropped { attempts: self.report.attempts });
        }
    }
}

impl<'c> Run<'c> {
    /// The run of one call, which it begins.
    fn of_call(declaration: &'c Arc<Declaration>, overrides: &Overrides, under_way: InFlightGuard) -> Self {
        let mut seam = declaration.seam.clone();
        if let Some(principal) = &overrides.principal {
            seam = seam.as_principal(principal.clone());
        }
        let runtime = seam.runtime().clone();
        let begun = runtime.now();
        let trace = Trace {
            dispatch: seam.dispatch().clone(),
            seam: seam.name_arc(),
            stitch: declaration.name.clone(),
            call: CallId(runtime.random()),
            runtime,
        };
        trace.emit_at(begun, EventKind::CallBegan);
        let deadline = begun + overrides.deadline.unwrap_or(declaration.deadline);
        let wait = Wait { deadline, at_most: overrides.max_wait };
        let mut run = Self::new(declaration, seam, trace, wait, begun, under_way);
        run.cost.clone_from(&overrides.cost);
        run.done = false;
        run
    }

    /// A run for whoever waits for it: its events are told under the call that began it, and it tells no end.
    pub(crate) fn of_flight(
        declaration: &'c Arc<Declaration>,
        seam: &Seam,
        trace: &Trace,
        wait: Wait,
        cost: Option<Cost>,
    ) -> Self {
        let under_way = seam.drain().begin_nested();
        let mut run = Self::new(declaration, seam.clone(), trace.clone(), wait, trace.runtime.now(), under_way);
        run.cost = cost;
        run
    }

    fn new(
        declaration: &'c Arc<Declaration>,
        seam: Seam,
        trace: Trace,
        wait: Wait,
        begun: Tick,
        under_way: InFlightGuard,
    ) -> Self {
        Self {
            declaration,
            seam,
            trace,
            wait,
            report: Report::default(),
            cost: None,
            starts_at: begun,
            retries: 0,
            tried: None,
            rejected: false,
            hops: 0,
            begun,
            done: true,
            _under_way: under_way,
        }
    }

    fn done(&mut self, error: Option<ErrorKind>) {
        self.done = true;
        let elapsed = self.trace.runtime.now().since(self.begun);
        self.trace.emit(EventKind::CallEnded { error, attempts: self.report.attempts, elapsed });
    }

    /// From the cache, or from the API.
    async fn answer(&mut self, encoded: &Encoded, overrides: &Overrides) -> Result<Answer> {
        let target = Target::of_call(self.declaration, encoded, overrides)?;
        match self.declaration.cache {
            Some(policy) => cache::through(self, policy, target).await,
            None => self.exchange(target).await,
        }
    }

    /// [`exchange`](Self::exchange), until its own deadline.
    pub(crate) async fn exchange_in_time(&mut self, target: Target) -> Result<Answer> {
        let (runtime, deadline) = (self.trace.runtime.clone(), self.wait.deadline);
        match within(&*runtime, deadline, self.exchange(target)).await {
            Ok(answer) => answer,
            Err(TimeUp) => Err(Error::new(ErrorKind::Timeout, "no answer within the deadline of the stitch")),
        }
    }

    /// Attempts until there is an answer to return.
    async fn exchange(&mut self, mut target: Target) -> Result<Answer> {
        loop {
            let tried = guarded(self, &target).await;
            let retry_after = match &tried {
                Ok(answer) => retry_after(&answer.parts.headers, self.trace.runtime.wall()),
                Err(_) => None,
            };
            match tried {
                Ok(answer) if answer.parts.status.is_success() => return whole(answer),
                Ok(answer) if answer.parts.status.is_redirection() => {
                    if self.hops >= self.seam.redirects() {
                        return Err(status(answer, None));
                    }
                    self.hops += 1;
                    let Some(next) = follow(&target, &answer.parts) else { return Err(status(answer, None)) };
                    self.trace.emit(EventKind::Redirect { cross_origin: next.is_abroad() });
                    target = next;
                }
                Ok(answer) if self.try_again_with_another_credential(&target, &answer).await? => {}
                Ok(answer) => {
                    let again = says_retry(answer.parts.status);
                    let error = status(answer, retry_after);
                    self.pause(error, again, retry_after).await?;
                }
                // What the API said says more than that it cannot be asked again.
                Err(Failed { error, .. }) if matches!(error.kind(), ErrorKind::Throttled | ErrorKind::CircuitOpen) => {
                    return Err(self.tried.take().unwrap_or(error));
                }
                Err(Failed { error, nothing_was_sent }) => self.pause(error, nothing_was_sent, None).await?,
            }
        }
    }

    /// Asks the strategy, once a call, what it makes of a 401.
    async fn try_again_with_another_credential(&mut self, target: &Target, answer: &Answer) -> Result<bool> {
        let rejected = answer.parts.status == http::StatusCode::UNAUTHORIZED && !target.is_abroad();
        let (Some(auth), Some(used)) = (self.seam.auth(), &answer.credential) else { return Ok(false) };
        if !rejected || self.rejected {
            return Ok(false);
        }
        self.rejected = true;
        match auth.rejected(&self.auth_context(), &**used, &answer.parts).await {
            Ok(Verdict::TryAgain) => {
                self.trace.emit(EventKind::CredentialRejected);
                Ok(true)
            }
            Ok(Verdict::GiveUp) => Ok(false),
            Err(error) => Err(Error::from(error)),
        }
    }

    /// Sleeps before another attempt, or ends the call with `error`.
    async fn pause(&mut self, error: Error, again: bool, retry_after: Option<Duration>) -> Result<()> {
        let Declaration { method, idempotent, retry, .. } = &**self.declaration;
        let runtime = self.trace.runtime.clone();
        if !again || !(*idempotent || is_idempotent(method)) {
            return Err(error);
        }
        let Some(pause) = retry.pause(self.retries, retry_after, runtime.random()) else { return Err(error) };
        let until = runtime.now() + pause;
        if until >= self.wait.deadline {
            return Err(error);
        }
        self.retries += 1;
        self.tried = Some(error);
        self.trace.emit(EventKind::Retry { pause });
        runtime.sleep_until(until).await;
        Ok(())
    }

    pub(crate) fn auth_context(&self) -> AuthContext<'_> {
        AuthContext::new(&self.seam, &self.trace)
    }

    /// The end of an attempt that begins now.
    pub(crate) fn attempt_ends(&self, begins: Tick) -> Tick {
        (begins + self.seam.attempt_timeout()).min(self.wait.deadline)
    }
}

/// An attempt that brought no answer.
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) nothing_was_sent: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, nothing_was_sent: false }
    }
}

impl Failed {
    fn from_transport(error: TransportError) -> Self {
        let nothing_was_sent = error.kind() == TransportErrorKind::Connect;
        Self { error: error.into(), nothing_was_sent }
    }
}

fn whole(answer: Answer) -> Result<Answer> {
    if answer.complete {
        return Ok(answer);
    }
    let response = ErrorResponse::new(answer.parts, answer.body);
    Err(Error::new(ErrorKind::TooLarge, "the answer is larger than the limit").with_response(response))
}

fn status(answer: Answer, retry_after: Option<Duration>) -> Error {
    let Answer { parts, body, .. } = answer;
    Error::new(ErrorKind::Status, format!("the API answered {}", parts.status))
        .with_retryable(says_retry(parts.status))
        .with_retry_after(retry_after)
        .with_response(ErrorResponse::new(parts, body))
}
