//! The begin and the end of a call.
//!
//! Takes a declaration, an encoded input and the overrides of one call, and returns the decoded response. In between,
//! `exchange.rs` makes the attempts; for a declaration with a cache, `cached.rs` looks the response up first.

use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use stitchapi_core::Tick;

use super::cached::fetch_through_cache;
use super::call_run::CallRun;
use super::declaration::Declaration;
use super::exchange::exchange;
use super::overrides::CallOverrides;
use super::report::Report;
use crate::endpoint::{EncodedInput, PreparedRequest};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{TimeUp, within};
use crate::trace::EventKind;

/// Converts the final response into the caller's value.
type Decode<'d, T> = dyn Fn(&Parts, Bytes) -> Result<T> + Send + Sync + 'd;

/// Makes one call, within its deadline, and emits the events of its begin and end.
///
/// If the future is dropped while the call waits for its first slot (its start time from the throttle), nothing was
/// sent, and its place in the queue passes to the next call. If it is dropped later, a request may have been sent.
///
/// # Errors
///
/// An error of any kind but [`ErrorKind::Config`], with the name of the stitch and the number of attempts.
pub(crate) async fn execute<T: Send>(
    declaration: &Arc<Declaration>,
    input: &EncodedInput,
    overrides: &CallOverrides,
    decode: &Decode<'_, T>,
) -> Result<(T, Parts, Report)> {
    let _in_flight = declaration.seam.in_flight().count_call().map_err(|error| error.with_stitch(&declaration.name))?;
    let mut call = TracedCall::begin(declaration, overrides);
    let (runtime, deadline) = (call.run.runtime().clone(), call.run.context.deadline);
    let response = within(&*runtime, deadline, fetch_response(&mut call.run, input, overrides)).await;
    let result = match response {
        Ok(Ok((parts, body))) => decode(&parts, body).map(|value| (value, parts)),
        Ok(Err(error)) => Err(error),
        Err(TimeUp) => Err(Error::new(ErrorKind::Timeout, "deadline of the call has passed")),
    };
    let report = call.end(result.as_ref().err().map(Error::kind));
    match result {
        Ok((value, parts)) => Ok((value, parts, report)),
        Err(error) => Err(error.with_stitch(&declaration.name).with_attempts(report.attempts)),
    }
}

/// Returns the response of a call, from the cache or from the API.
async fn fetch_response(run: &mut CallRun, input: &EncodedInput, overrides: &CallOverrides) -> Result<(Parts, Bytes)> {
    let Declaration { method, headers, seam, cache, .. } = &*run.declaration;
    let request = PreparedRequest::new(method.clone(), seam.base(), headers, input, &overrides.headers)?;
    match *cache {
        Some(policy) => fetch_through_cache(run, policy, request).await,
        None => exchange(run, request).await.map(|response| (response.parts, response.body)),
    }
}

/// A call that has begun. Emits its last event when it ends or is dropped.
struct TracedCall {
    run: CallRun,
    begun_at: Tick,
    has_ended: bool,
}

impl TracedCall {
    /// Begins a call: emits [`EventKind::CallBegan`] and starts its deadline.
    fn begin(declaration: &Arc<Declaration>, overrides: &CallOverrides) -> Self {
        let seam = match &overrides.principal {
            Some(principal) => declaration.seam.as_principal(principal.clone()),
            None => declaration.seam.clone(),
        };
        let begun_at = seam.runtime().now();
        let deadline = begun_at + overrides.deadline.unwrap_or(declaration.deadline);
        let context = seam.call_context(&declaration.name, deadline);
        context.trace.emit_at(begun_at, EventKind::CallBegan);
        let run = CallRun::new(declaration.clone(), seam, context, overrides.max_wait, overrides.cost.clone());
        Self { run, begun_at, has_ended: false }
    }

    /// Ends the call: emits [`EventKind::CallEnded`] and returns the report.
    fn end(mut self, error: Option<ErrorKind>) -> Report {
        self.has_ended = true;
        let elapsed = self.run.runtime().now().since(self.begun_at);
        self.run.trace().emit(EventKind::CallEnded { error, attempts: self.run.report.attempts, elapsed });
        self.run.report
    }
}

/// Emits [`EventKind::CallDropped`] for a call that is dropped before its end.
impl Drop for TracedCall {
    fn drop(&mut self) {
        if !self.has_ended {
            self.run.trace().emit(EventKind::CallDropped { attempts: self.run.report.attempts });
        }
    }
}
