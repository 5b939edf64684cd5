//! One endpoint, declared once, called as a typed function.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;

use super::call::Call;
use super::typed_declaration::TypedDeclaration;
use crate::principal::Principal;

/// One endpoint of an API, as a typed function from `I` to `O`.
///
/// `I` is any `Serialize` type:
///
/// * A scalar or a tuple fills the parameters of the path, then those of [`query`](crate::StitchBuilder::query) and
///   [`header`](crate::StitchBuilder::header), in order. The number of values and of parameters must be equal.
/// * A struct fills the parameters by name. Its remaining fields go to the query of GET, HEAD and DELETE, and to the
///   JSON body or the [`form`](crate::StitchBuilder::form) of other methods.
/// * If the method has a JSON body, and neither the path nor a query or header has a parameter, the value *is* the
///   body.
/// * In a query, a header or a form, `None` is omitted and a sequence repeats the name. Outside a JSON body, maps and
///   structs inside the input, and byte strings, are [`ErrorKind::Input`](crate::ErrorKind::Input).
/// * A path parameter is percent-encoded, `/` included. An empty one, and a segment that becomes `.` or `..`, is
///   [`ErrorKind::Input`](crate::ErrorKind::Input) before anything is sent.
///
/// A stitch is cheap to clone, and `Send` and `Sync` whatever `I` and `O` are. Keep the stitches of one API in a
/// struct:
///
/// ```no_run
/// use serde::{Deserialize, Serialize};
/// use stitchapi::{Result, Seam, Stitch};
///
/// #[derive(Serialize)]
/// struct Search {
///     words: String,
///     page: u32,
/// }
///
/// #[derive(Deserialize)]
/// struct User {
///     id: u64,
/// }
///
/// struct GitHub {
///     user: Stitch<str, User>,
///     search: Stitch<Search, serde_json::Value>,
/// }
///
/// impl GitHub {
///     fn new(seam: &Seam) -> Result<Self> {
///         Ok(Self {
///             user: seam.get("/users/{name}").build()?,
///             search: seam.get("/search/users").query("q", "{words}").build()?,
///         })
///     }
/// }
///
/// # async fn run(seam: Seam) -> Result<()> {
/// let github = GitHub::new(&seam)?;
/// let id = github.user.call("octocat").await?.id;
/// let found = github.search.call(Search { words: "octo".into(), page: 1 }).await?;
/// # let _ = (id, found); Ok(()) }
/// ```
pub struct Stitch<I: ?Sized, O> {
    typed: Arc<TypedDeclaration<O>>,
    principal: Option<Principal>,
    input: PhantomData<fn(&I)>,
}

impl<I: ?Sized, O> Stitch<I, O> {
    pub(super) fn new(typed: TypedDeclaration<O>) -> Self {
        Self { typed: Arc::new(typed), principal: None, input: PhantomData }
    }
}

impl<I: Serialize + ?Sized, O: Send + 'static> Stitch<I, O> {
    /// Creates a call with this input. The input is encoded at once; nothing is sent before the call is awaited.
    ///
    /// `call(7)`, `call("octocat")`, `call(&query)` and `call(query)` all compile.
    pub fn call(&self, input: impl Borrow<I>) -> Call<O> {
        let encoded = self.typed.declaration.plan.encode(input.borrow());
        Call::new(self.typed.clone(), encoded, self.principal.clone())
    }

    /// Returns the same stitch, for one of the application's users: see
    /// [`Seam::as_principal`](crate::Seam::as_principal).
    #[must_use]
    pub fn as_principal(&self, id: impl Into<Principal>) -> Self {
        Self { principal: Some(id.into()), ..self.clone() }
    }

    /// Returns the name in errors and events.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.typed.declaration.name
    }
}

impl<I: ?Sized, O> Clone for Stitch<I, O> {
    fn clone(&self) -> Self {
        Self { typed: self.typed.clone(), principal: self.principal.clone(), input: PhantomData }
    }
}

impl<I: ?Sized, O> fmt::Debug for Stitch<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stitch").field("name", &self.typed.declaration.name).finish_non_exhaustive()
    }
}
