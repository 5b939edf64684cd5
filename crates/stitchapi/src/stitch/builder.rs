//! The declaration of a stitch; `build` judges it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{Method, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stitchapi_core::Body;

use super::stitch::Stitch;
use super::typed_declaration::TypedDeclaration;
use crate::cache::{Cache, Policy};
use crate::circuit::Circuit;
use crate::endpoint::{ExtraFields, InputPlan, Template, decode, parse_header_name, parse_header_value};
use crate::error::{BoxError, Error, ErrorKind, Result};
use crate::pipeline::{CostOfRequest, CostOfResponse, Declaration};
use crate::retry::Retry;
use crate::seam::Seam;
use crate::throttle::{Cost, Throttle};

/// Collects what a stitch is. Not generic: the types are fixed by `build`.
#[must_use]
pub struct StitchBuilder {
    seam: Seam,
    method: Method,
    path: String,
    name: Option<String>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    form: bool,
    idempotent: bool,
    retry: Option<Retry>,
    deadline: Option<Duration>,
    cache: Option<Cache>,
    circuit: Option<Circuit>,
    throttle: Option<Throttle>,
    cost: Option<Box<CostOfRequest>>,
    settle: Option<Box<CostOfResponse>>,
}

impl StitchBuilder {
    pub(crate) fn new(seam: Seam, method: Method, path: &str) -> Self {
        Self {
            seam,
            method,
            path: path.to_owned(),
            name: None,
            query: Vec::new(),
            headers: Vec::new(),
            form: false,
            idempotent: false,
            retry: None,
            deadline: None,
            cache: None,
            circuit: None,
            throttle: None,
            cost: None,
            settle: None,
        }
    }

    /// Its name in errors and events. The default is the method and the path template.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Adds a query parameter: `.query("q", "{words}")`, or a fixed text. A brace itself is written twice.
    pub fn query(mut self, name: &str, template: &str) -> Self {
        self.query.push((name.to_owned(), template.to_owned()));
        self
    }

    /// Adds a header, or replaces the seam's: `.header("x-trace", "{trace}")`, or a fixed text. A brace itself is written
    /// twice.
    pub fn header(mut self, name: &str, template: &str) -> Self {
        self.headers.push((name.to_owned(), template.to_owned()));
        self
    }

    /// Sends what a struct has left over as a form (`application/x-www-form-urlencoded`) instead of JSON.
    pub fn form(mut self) -> Self {
        self.form = true;
        self
    }

    /// Says that the call may safely be made twice, though its method does not.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Instead of the seam's.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Instead of the seam's: bounds the whole call, waiting and retries included.
    pub fn deadline(mut self, whole_call: Duration) -> Self {
        self.deadline = Some(whole_call);
        self
    }

    /// Keeps answers, instead of as the seam does. For GET and HEAD.
    pub fn cache(mut self, cache: Cache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Instead of the seam's; [`Circuit::none`] for none.
    pub fn circuit(mut self, circuit: Circuit) -> Self {
        self.circuit = Some(circuit);
        self
    }

    /// Tightens the throttle: its calls pass this one first, and then the seam's. Its slot counts as used when it comes, so
    /// where the seam's queue is long, calls may leave closer together than this throttle alone would let them.
    pub fn throttle(mut self, tighten_only: Throttle) -> Self {
        self.throttle = Some(tighten_only);
        self
    }

    /// What a call costs, by its request. The default is one call.
    pub fn cost(mut self, cost: impl Fn(&http::Request<Body>) -> Cost + Send + Sync + 'static) -> Self {
        self.cost = Some(Box::new(cost));
        self
    }

    /// What a call has really cost, where only the answer tells: the difference is charged or given back. `None` leaves it
    /// at what was charged.
    pub fn settle(mut self, cost: impl Fn(&Parts, &Bytes) -> Option<Cost> + Send + Sync + 'static) -> Self {
        self.settle = Some(Box::new(cost));
        self
    }

    /// A stitch whose answers are JSON.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for whatever is wrong with the declaration.
    pub fn build<I: Serialize + ?Sized, O: DeserializeOwned + 'static>(mut self) -> Result<Stitch<I, O>> {
        let accept = header::ACCEPT;
        let declared = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(accept.as_str()));
        if !declared && !self.seam.headers().contains_key(&accept) {
            self = self.header(accept.as_str(), "application/json");
        }
        self.build_with(decode::json)
    }

    /// A stitch whose answers `decode` reads: one of [`decode`], or your own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for whatever is wrong with the declaration.
    pub fn build_with<I: Serialize + ?Sized, O: 'static>(
        self,
        decode: impl Fn(&Parts, Bytes) -> Result<O, BoxError> + Send + Sync + 'static,
    ) -> Result<Stitch<I, O>> {
        let name: Arc<str> = self.name.clone().unwrap_or_else(|| format!("{} {}", self.method, self.path)).into();
        let declaration = self.validate(&name).map_err(|error| error.with_stitch(&name))?;
        Ok(Stitch::new(TypedDeclaration { declaration: Arc::new(declaration), decode: Box::new(decode) }))
    }

    fn validate(self, name: &Arc<str>) -> Result<Declaration> {
        let path = Template::parse_path(&self.path)?;
        let mut query = Vec::new();
        for (name, template) in self.query {
            let template = Template::parse(&template, &format!("query `{name}`"))?;
            query.push((name, template));
        }
        let mut fixed = self.seam.headers().clone();
        let mut headers = Vec::new();
        for (name, template) in self.headers {
            let name = parse_header_name(&name, ErrorKind::Config)?;
            let template = Template::parse(&template, &format!("header `{name}`"))?;
            if template.parameters().next().is_some() {
                headers.push((name, template));
            } else {
                let value = parse_header_value(&name, &template.render(|_| Ok(""))?, ErrorKind::Config)?;
                fixed.insert(name, value);
            }
        }
        let extra_fields = match (ExtraFields::of_method(&self.method), self.form) {
            (ExtraFields::Query, true) => {
                let what = format!("form: {} requests have no body; remove .form()", self.method);
                return Err(Error::config(what));
            }
            (_, true) => ExtraFields::Form,
            (extra_fields, false) => extra_fields,
        };
        let retry = self.retry.unwrap_or_else(|| self.seam.retry().clone());
        let deadline = self.deadline.unwrap_or(self.seam.deadline());
        if deadline.is_zero() {
            return Err(Error::config("deadline: must be greater than zero"));
        }
        let gates = self.seam.own_gates(name, self.throttle.as_ref())?;
        let cache = validate_cache(self.cache.as_ref(), &self.method, &self.seam)?;
        let circuit = self.seam.circuit_of(name, self.circuit.as_ref())?;
        Ok(Declaration {
            cache,
            circuit,
            gates,
            cost: self.cost,
            settle: self.settle,
            name: name.clone(),
            method: self.method,
            plan: InputPlan::new(path, query, headers, extra_fields),
            headers: fixed,
            is_idempotent: self.idempotent,
            retry,
            deadline,
            seam: self.seam,
        })
    }
}

/// The stitch's own cache, or else the seam's for what can be kept.
fn validate_cache(own: Option<&Cache>, method: &Method, seam: &Seam) -> Result<Option<Policy>> {
    let can_be_kept = [Method::GET, Method::HEAD].contains(method);
    let Some(own) = own else { return Ok(seam.cache().filter(|_| can_be_kept)) };
    let policy = own.validate(seam.auth().is_some())?;
    if policy.is_some() && !can_be_kept {
        let what = format!("cache: responses to {method} are not kept; declare a cache for GET and HEAD only");
        return Err(Error::config(what));
    }
    Ok(policy)
}

/// Method and path and no more: a header or a query may be a secret.
impl fmt::Debug for StitchBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StitchBuilder").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}
