//! One call: its input, its overrides, and its start.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use stitchapi_core::BoxFuture;

use super::response::Response;
use super::typed_declaration::TypedDeclaration;
use crate::endpoint::{EncodedInput, parse_header_name, parse_header_value};
use crate::error::{Error, ErrorKind, ErrorResponse, Result};
use crate::pipeline::{CallOverrides, execute};
use crate::principal::Principal;
use crate::throttle::Cost;

/// One call of a stitch that has not begun. Await it to get the decoded value, or [`send`](Self::send) it to get the
/// whole response.
///
/// If the call is dropped while it waits for its first slot (its start time from the throttle), nothing was sent, and
/// its place in the queue passes to the next call. If it is dropped later, a request may have been sent.
///
/// ```no_run
/// # async fn run(user: stitchapi::Stitch<str, serde_json::Value>) -> stitchapi::Result<()> {
/// use std::time::Duration;
///
/// let value = user.call("octocat").await?;
/// let fresh = user.call("octocat").header("cache-control", "no-cache").max_wait(Duration::from_secs(2)).await?;
/// let response = user.call("octocat").deadline(Duration::from_secs(5)).send().await?;
/// # let _ = (value, fresh, response); Ok(()) }
/// ```
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<O> {
    typed: Arc<TypedDeclaration<O>>,
    /// The encoded input, or the first error of the input or of a header.
    input: Result<EncodedInput>,
    overrides: CallOverrides,
}

impl<O: Send + 'static> Call<O> {
    pub(super) fn new(
        typed: Arc<TypedDeclaration<O>>,
        input: Result<EncodedInput>,
        principal: Option<Principal>,
    ) -> Self {
        Self { typed, input, overrides: CallOverrides { principal, ..CallOverrides::default() } }
    }

    /// Sets the time limit of this call instead of the stitch's. It includes waiting, credentials, store and retries.
    pub fn deadline(mut self, whole_call: Duration) -> Self {
        self.overrides.deadline = Some(whole_call);
        self
    }

    /// Sets the longest wait for each slot and concurrency permit. A call that would get its slot later fails at once,
    /// as [`ErrorKind::Throttled`](crate::ErrorKind::Throttled). A call without a concurrency permit fails when this
    /// time has passed.
    pub fn max_wait(mut self, in_queue: Duration) -> Self {
        self.overrides.max_wait = Some(in_queue);
        self
    }

    /// Sets the cost of this call instead of the stitch's: `5`, or `Cost::new(1).and("tokens", 812)`.
    pub fn cost(mut self, cost: impl Into<Cost>) -> Self {
        self.overrides.cost = Some(cost.into());
        self
    }

    /// Sets a header of this call, instead of a declared one of the same name. An invalid name or value fails the call
    /// as [`ErrorKind::Input`](crate::ErrorKind::Input), before anything is sent.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let header = parse_header_name(name, ErrorKind::Input)
            .and_then(|name| parse_header_value(&name, value, ErrorKind::Input).map(|value| (name, value)));
        match header {
            Ok((name, value)) => drop(self.overrides.headers.insert(name, value)),
            Err(error) => self.input = self.input.and(Err(error)),
        }
        self
    }

    /// Makes the call.
    ///
    /// If the future is dropped while it waits for its first slot, nothing was sent, and its place in the queue passes
    /// to the next call. If it is dropped later, a request may have been sent.
    ///
    /// # Errors
    ///
    /// [`Error`] of any kind but [`ErrorKind::Config`](crate::ErrorKind::Config).
    pub async fn send(self) -> Result<Response<O>> {
        let Self { typed, input, overrides } = self;
        let declaration = &typed.declaration;
        let input = input.map_err(|error| error.with_stitch(&declaration.name))?;
        let decode = |parts: &Parts, body: Bytes| {
            (typed.decode)(parts, body.clone()).map_err(|error| {
                Error::new(ErrorKind::Decode, "response does not match the output type of the stitch")
                    .with_source(error)
                    .with_response(ErrorResponse::new(parts.clone(), body))
            })
        };
        let (value, parts, report) = execute(declaration, &input, &overrides, &decode).await?;
        Ok(Response { value, status: parts.status, headers: parts.headers, report })
    }
}

impl<O: Send + 'static> IntoFuture for Call<O> {
    type Output = Result<O>;
    type IntoFuture = BoxFuture<'static, Result<O>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Ok(self.send().await?.value) })
    }
}

impl<O> fmt::Debug for Call<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("stitch", &self.typed.declaration.name).finish_non_exhaustive()
    }
}
