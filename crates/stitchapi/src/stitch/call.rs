//! One call: its overrides, and what comes back.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use stitchapi_core::BoxFuture;

use super::Declared;
use crate::endpoint::Encoded;
use crate::pipeline::{Overrides, run};
use crate::trace::CacheOutcome;
use crate::{Cost, Error, ErrorKind, ErrorResponse, Principal, Result};

/// One call of a stitch, not yet begun. Await it for the value, or [`send`](Self::send) it for the whole answer.
///
/// Dropped before its slot comes, nothing has happened: its place passes on. Dropped after that, the request may have been
/// sent.
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<O> {
    declared: Arc<Declared<O>>,
    encoded: Result<Encoded>,
    overrides: Overrides,
}

/// An API's answer, decoded. Its `Debug` shows no header: one may be a secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct Response<O> {
    /// What the body says.
    pub value: O,
    /// The status, a success.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// How it went.
    pub report: Report,
}

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// How many requests were sent, redirects included.
    pub attempts: u32,
    /// How long the call waited for places and slots of the throttle, in sum.
    pub waited: Duration,
    /// How the cache answered, if the stitch has one. What another call has fetched took this one no request.
    pub cache: Option<CacheOutcome>,
}

impl<O: Send + 'static> Call<O> {
    pub(super) fn new(declared: Arc<Declared<O>>, encoded: Result<Encoded>, principal: Option<Principal>) -> Self {
        Self { declared, encoded, overrides: Overrides { principal, ..Overrides::default() } }
    }

    /// Bounds this call instead of the stitch's deadline: waiting, retries, everything.
    pub fn deadline(mut self, whole_call: Duration) -> Self {
        self.overrides.deadline = Some(whole_call);
        self
    }

    /// Refuses this call at once if its slot would come later than this.
    pub fn max_wait(mut self, in_queue: Duration) -> Self {
        self.overrides.max_wait = Some(in_queue);
        self
    }

    /// What this call costs, instead of what the stitch says: `5`, or `Cost::new(1).and("tokens", 812)`.
    pub fn cost(mut self, cost: impl Into<Cost>) -> Self {
        self.overrides.cost = Some(cost.into());
        self
    }

    /// Sets a header on this call. A wrong one is [`ErrorKind::Input`], before anything is sent.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => drop(self.overrides.headers.insert(name, value)),
            _ if self.encoded.is_ok() => {
                let what = format!("the header {name:?} has a name or a value that none can have");
                self.encoded = Err(Error::input(what));
            }
            _ => {}
        }
        self
    }

    /// Makes the call.
    ///
    /// Dropped before its slot: nothing happened, its place passes on. Dropped after: the request may have been sent.
    ///
    /// # Errors
    ///
    /// [`Error`] of any kind but [`ErrorKind::Config`].
    pub async fn send(self) -> Result<Response<O>> {
        let Self { declared, encoded, overrides } = self;
        let name = &declared.declaration.name;
        let encoded = encoded.map_err(|error| error.with_stitch(name))?;
        let decode = |parts: &http::response::Parts, body: bytes::Bytes| {
            (declared.decode)(parts, body.clone()).map_err(|error| {
                let response = ErrorResponse::new(parts.clone(), body);
                Error::new(ErrorKind::Decode, "the answer is not what the stitch declares")
                    .with_source(error)
                    .with_response(response)
            })
        };
        let (value, parts, report) = run(&declared.declaration, &encoded, &overrides, &decode).await?;
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
        f.debug_struct("Call").field("stitch", &self.declared.declaration.name).finish_non_exhaustive()
    }
}

impl<O: fmt::Debug> fmt::Debug for Response<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("value", &self.value)
            .field("status", &self.status)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
