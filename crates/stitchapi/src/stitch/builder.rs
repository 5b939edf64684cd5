//! The declaration of a stitch, validated by `build`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderName, Method, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stitchapi_core::Body;

use super::handle::Stitch;
use super::typed_declaration::TypedDeclaration;
use crate::cache::{Cache, CachePolicy};
use crate::circuit::Circuit;
use crate::endpoint::{ExtraFields, InputPlan, Template, decode, parse_header_value};
use crate::error::{BoxError, Error, ErrorKind, Result};
use crate::pipeline::{CostOfRequest, CostOfResponse, Declaration};
use crate::retry::{Retry, is_idempotent as method_is_idempotent};
use crate::seam::{CommonSettings, Seam, ValidSettings};
use crate::throttle::{Cost, Throttle};

/// Declares a stitch. Invalid values are reported by [`build`](Self::build), not by a setter. `build` also fixes the
/// input and output types.
///
/// ```no_run
/// # fn main() -> stitchapi::Result<()> {
/// use std::time::Duration;
///
/// use serde::{Deserialize, Serialize};
/// use stitchapi::{Cache, Seam, Stitch};
///
/// #[derive(Serialize)]
/// struct Search {
///     words: String,
///     page: u32,
/// }
///
/// #[derive(Deserialize)]
/// struct Issue {
///     title: String,
/// }
///
/// let seam = Seam::builder("https://tracker.example.com/v1").build()?;
/// let search: Stitch<Search, Vec<Issue>> = seam
///     .get("/search")
///     .name("search")
///     .query("q", "{words}")
///     .header("x-trace", "{page}")
///     .cache(Cache::ttl(Duration::from_secs(60)))
///     .deadline(Duration::from_secs(5))
///     .build()?;
/// # let _ = search; Ok(()) }
/// ```
#[must_use]
pub struct StitchBuilder {
    seam: Seam,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    settings: CommonSettings,
    is_form: bool,
    is_idempotent: bool,
    cost: Option<Box<CostOfRequest>>,
    settle: Option<Box<CostOfResponse>>,
}

impl StitchBuilder {
    pub(super) fn new(seam: Seam, method: Method, path: &str) -> Self {
        Self {
            seam,
            method,
            path: path.to_owned(),
            query: Vec::new(),
            settings: CommonSettings::default(),
            is_form: false,
            is_idempotent: false,
            cost: None,
            settle: None,
        }
    }

    /// Sets the name in errors, events and keys of the store. The default is the method and the path template.
    pub fn name(mut self, name: &str) -> Self {
        self.settings.name = Some(name.to_owned());
        self
    }

    /// Adds a query parameter: `.query("q", "{words}")`, or a fixed text. A literal brace is written twice.
    pub fn query(mut self, name: &str, template: &str) -> Self {
        self.query.push((name.to_owned(), template.to_owned()));
        self
    }

    /// Adds a header, or replaces the seam's: `.header("x-trace", "{trace}")`, or a fixed text. A literal brace is
    /// written twice. A name may be declared once.
    pub fn header(mut self, name: &str, template: &str) -> Self {
        self.settings.headers.push((name.to_owned(), template.to_owned()));
        self
    }

    /// Sends the fields that fill no parameter as `application/x-www-form-urlencoded` instead of JSON.
    pub fn form(mut self) -> Self {
        self.is_form = true;
        self
    }

    /// Declares that the API tolerates a repeated request, so that POST and PATCH are retried, too.
    pub fn idempotent(mut self) -> Self {
        self.is_idempotent = true;
        self
    }

    /// Sets when a failed attempt is retried, instead of the seam's [`Retry`]. A method that is not idempotent, such as
    /// POST, is retried only if [`idempotent`](Self::idempotent) is declared, too.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.settings.retry = Some(retry);
        self
    }

    /// Sets the time limit of a whole call, instead of the seam's.
    pub fn deadline(mut self, whole_call: Duration) -> Self {
        self.settings.deadline = Some(whole_call);
        self
    }

    /// Sets the cache of this stitch instead of the seam's; [`Cache::none`] for none.
    pub fn cache(mut self, cache: Cache) -> Self {
        self.settings.cache = Some(cache);
        self
    }

    /// Sets the circuit breaker instead of the seam's; [`Circuit::none`] for none.
    pub fn circuit(mut self, circuit: Circuit) -> Self {
        self.settings.circuit = Some(circuit);
        self
    }

    /// Limits the calls of this stitch in addition to the seam's throttle. A call waits for this throttle first, and then
    /// for the seam's. The second wait does not move the start time that this throttle has assigned, so that after a long
    /// second wait, calls may start closer together than this throttle allows.
    pub fn throttle(mut self, tighten_only: Throttle) -> Self {
        self.settings.throttle = Some(tighten_only);
        self
    }

    /// Computes the cost of a call from its request. The default is one call. Requires that the seam or the stitch has
    /// a throttle with a rate.
    pub fn cost(mut self, cost: impl Fn(&http::Request<Body>) -> Cost + Send + Sync + 'static) -> Self {
        self.cost = Some(Box::new(cost));
        self
    }

    /// Computes the real cost of a call from its response; the difference to the charged cost is charged or refunded.
    /// `None` leaves the charged cost unchanged. Requires that the seam or the stitch has a throttle with a rate.
    pub fn settle(mut self, cost: impl Fn(&Parts, &Bytes) -> Option<Cost> + Send + Sync + 'static) -> Self {
        self.settle = Some(Box::new(cost));
        self
    }

    /// Validates the declaration and creates a stitch whose responses are JSON. Adds `Accept: application/json` unless
    /// `Accept` is declared.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], which names the invalid setting and says what to write instead.
    pub fn build<I: Serialize + ?Sized, O: DeserializeOwned + 'static>(mut self) -> Result<Stitch<I, O>> {
        let accept = header::ACCEPT;
        let is_declared = self.settings.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(accept.as_str()));
        if !is_declared && !self.seam.headers().contains_key(&accept) {
            self = self.header(accept.as_str(), "application/json");
        }
        self.build_with(decode::json)
    }

    /// Validates the declaration and creates a stitch whose responses are decoded by `decode`: a function of the module
    /// [`decode`], or another function.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`], which names the invalid setting and says what to write instead.
    pub fn build_with<I: Serialize + ?Sized, O: 'static>(
        self,
        decode: impl Fn(&Parts, Bytes) -> Result<O, BoxError> + Send + Sync + 'static,
    ) -> Result<Stitch<I, O>> {
        let default_name = || format!("{} {}", self.method, self.path);
        let name: Arc<str> = self.settings.name.clone().unwrap_or_else(default_name).into();
        let declaration = self.validate(&name).map_err(|error| error.with_stitch(&name))?;
        Ok(Stitch::new(TypedDeclaration { declaration: Arc::new(declaration), decode: Box::new(decode) }))
    }

    fn validate(self, name: &Arc<str>) -> Result<Declaration> {
        let Self { seam, method, path, query, settings, is_form, is_idempotent, cost, settle } = self;
        let path = Template::parse_path(&path)?;
        let query = parse_query(query)?;
        let ValidSettings { headers, retry, deadline, throttle, cache, circuit, name: _ } =
            settings.validate(seam.auth().is_some())?;
        let (headers, filled_headers) = split_headers(seam.headers(), headers)?;
        let extra_fields = place_of_extra_fields(&method, is_form)?;
        let cache = choose_cache(cache, seam.cache(), &method)?;
        require_idempotent(retry.as_ref(), &method, is_idempotent)?;
        let mut throttles = throttle.iter().chain(seam.throttle());
        if !throttles.any(Throttle::has_rate) {
            reject_without_rate("cost", cost.is_some())?;
            reject_without_rate("settle", settle.is_some())?;
        }
        Ok(Declaration {
            name: name.clone(),
            plan: InputPlan::new(path, query, filled_headers, extra_fields),
            headers,
            is_idempotent,
            retry: retry.unwrap_or_else(|| seam.retry().clone()),
            deadline: deadline.unwrap_or(seam.deadline()),
            cache,
            circuit: seam.declare_circuit(name, circuit.as_ref())?,
            bucket_handles: seam.declare_stitch_throttles(name, throttle.as_ref())?,
            cost,
            settle,
            method,
            seam,
        })
    }
}

/// Shows method and path only, because a header or a query may contain a secret.
impl fmt::Debug for StitchBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StitchBuilder").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

fn parse_query(query: Vec<(String, String)>) -> Result<Vec<(String, Template)>> {
    let parse = |(name, template): (String, String)| {
        let template = Template::parse(&template, &format!("query `{name}`"))?;
        Ok((name, template))
    };
    query.into_iter().map(parse).collect()
}

/// Splits the declared headers. Returns the fixed headers of a call (the seam's, replaced by those without parameters), and
/// the templates that the input fills.
fn split_headers(
    of_seam: &HeaderMap,
    declared: Vec<(HeaderName, String)>,
) -> Result<(HeaderMap, Vec<(HeaderName, Template)>)> {
    let (mut fixed, mut filled) = (of_seam.clone(), Vec::new());
    for (name, template) in declared {
        let template = Template::parse(&template, &format!("header `{name}`"))?;
        if template.parameters().next().is_some() {
            filled.push((name, template));
        } else {
            let value = parse_header_value(&name, &template.render(|_| Ok(""))?, ErrorKind::Config)?;
            fixed.insert(name, value);
        }
    }
    Ok((fixed, filled))
}

fn place_of_extra_fields(method: &Method, is_form: bool) -> Result<ExtraFields> {
    match (ExtraFields::of_method(method), is_form) {
        (ExtraFields::Query, true) => {
            Err(Error::config(format!("form: {method} requests have no body; remove .form()")))
        }
        (_, true) => Ok(ExtraFields::Form),
        (extra_fields, false) => Ok(extra_fields),
    }
}

/// Checks that a declared retry has an effect: the method, or the stitch, is idempotent.
fn require_idempotent(retry: Option<&Retry>, method: &Method, is_idempotent: bool) -> Result<()> {
    if is_idempotent || method_is_idempotent(method) || retry.is_none_or(Retry::is_none) {
        return Ok(());
    }
    let what = format!("retry: {method} is not retried by default; add .idempotent(), or remove .retry(..)");
    Err(Error::config(what))
}

/// Rejects a setter that has no effect without a rate.
fn reject_without_rate(setter: &str, is_declared: bool) -> Result<()> {
    if !is_declared {
        return Ok(());
    }
    let what = format!(
        "{setter}: has no effect without a rate; add a throttle with a rate to the seam or the stitch, or remove \
         .{setter}(..)"
    );
    Err(Error::config(what))
}

/// Returns the cache policy of a stitch. That is its own declaration, which may be [`Cache::none`]. Without a declaration
/// it is the seam's policy if responses to `method` may be kept. A declared cache for another method is an error.
fn choose_cache(
    own: Option<Option<CachePolicy>>,
    of_seam: Option<CachePolicy>,
    method: &Method,
) -> Result<Option<CachePolicy>> {
    let may_be_kept = [Method::GET, Method::HEAD].contains(method);
    match own {
        None => Ok(of_seam.filter(|_| may_be_kept)),
        Some(Some(_)) if !may_be_kept => {
            let what = format!("cache: responses to {method} are not kept; declare a cache for GET and HEAD only");
            Err(Error::config(what))
        }
        Some(own) => Ok(own),
    }
}
