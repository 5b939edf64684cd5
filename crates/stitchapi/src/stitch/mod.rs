//! One endpoint, declared once, called as a typed function.

mod builder;
mod call;

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Method};
use serde::Serialize;
use stitchapi_core::Body;

use crate::endpoint::Plan;
pub use builder::StitchBuilder;
pub use call::{Call, Report, Response};

use crate::cache::Policy;
use crate::circuit::Breaker;
use crate::retry::Retry;
use crate::throttle::{Cost, Gate};
use crate::{BoxError, Principal, Seam};

/// One endpoint of an API, as a typed function of `I` to `O`.
///
/// `I` is any `Serialize` type:
///
/// * A scalar or a tuple fills the parameters of the path, then those of [`query`](StitchBuilder::query) and
///   [`header`](StitchBuilder::header), in order, and must fit exactly.
/// * A struct fills them by name. What it has left over goes to the query of GET, HEAD and DELETE, and to the JSON body of
///   the others, or to a [`form`](StitchBuilder::form).
/// * With a method that has a body and no parameters at all, the value *is* the body.
/// * In a query `None` is left out, a sequence repeats the name; maps, nested structs and bytes are
///   [`ErrorKind::Input`](crate::ErrorKind::Input).
/// * A path parameter is escaped whole. An empty one, and a segment that comes out as `.` or `..`, is
///   [`ErrorKind::Input`](crate::ErrorKind::Input) before anything is sent.
///
/// A stitch is cheap to clone and can be sent and shared whatever `I` and `O` are. Keep those of one API together:
/// `struct GitHub { user: Stitch<str, User>, .. }` with a `fn on(seam: &Seam) -> Result<Self>`.
pub struct Stitch<I: ?Sized, O> {
    declared: Arc<Declared<O>>,
    principal: Option<Principal>,
    input: PhantomData<fn(&I)>,
}

/// What a stitch is, but for its types.
pub(crate) struct Declaration {
    pub(crate) seam: Seam,
    pub(crate) name: Arc<str>,
    pub(crate) method: Method,
    plan: Plan,
    /// The seam's and the stitch's own.
    pub(crate) headers: HeaderMap,
    pub(crate) idempotent: bool,
    pub(crate) retry: Retry,
    pub(crate) deadline: Duration,
    pub(crate) cache: Option<Policy>,
    pub(crate) circuit: Option<Arc<Breaker>>,
    /// Its own throttles, narrowest first; the seam's comes after them.
    pub(crate) gates: Vec<Gate>,
    /// What a call costs, if not one call.
    pub(crate) cost: Option<Box<CostOf>>,
    /// What it has cost, if that is known from the answer only.
    pub(crate) settle: Option<Box<CostIn>>,
}

/// What a request costs.
pub(crate) type CostOf = dyn Fn(&http::Request<Body>) -> Cost + Send + Sync;
/// What a call has cost, by its answer.
pub(crate) type CostIn = dyn Fn(&Parts, &Bytes) -> Option<Cost> + Send + Sync;

/// Turns an answer into a value.
type Decode<O> = dyn Fn(&Parts, Bytes) -> Result<O, BoxError> + Send + Sync;

/// A declaration with its output type.
struct Declared<O> {
    declaration: Arc<Declaration>,
    decode: Box<Decode<O>>,
}

impl<I: Serialize + ?Sized, O: Send + 'static> Stitch<I, O> {
    /// A call with this input, which is encoded at once; nothing is sent before the call is awaited.
    ///
    /// `call(7)`, `call("octocat")`, `call(&query)` and `call(query)` all work.
    pub fn call(&self, input: impl Borrow<I>) -> Call<O> {
        let encoded = self.declared.declaration.plan.encode(input.borrow());
        Call::new(self.declared.clone(), encoded, self.principal.clone())
    }

    /// The same stitch, for one of your users: see [`Seam::as_principal`].
    #[must_use]
    pub fn as_principal(&self, id: impl Into<Principal>) -> Self {
        Self { principal: Some(id.into()), ..self.clone() }
    }

    /// Its name, as in errors and events.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.declared.declaration.name
    }
}

impl<I: ?Sized, O> Clone for Stitch<I, O> {
    fn clone(&self) -> Self {
        Self { declared: self.declared.clone(), principal: self.principal.clone(), input: PhantomData }
    }
}

impl<I: ?Sized, O> fmt::Debug for Stitch<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stitch").field("name", &self.declared.declaration.name).finish_non_exhaustive()
    }
}
