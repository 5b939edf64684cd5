//! From a caller's value to the parts of a request.
//!
//! A scalar or a tuple fills the parameters in order and must fit exactly; a struct (or a map) fills them by name. What a
//! struct has left over goes to the query of GET, HEAD and DELETE, and to the JSON body of the others, or to a form.
//! With such a method and no parameters at all, the value is the body, whatever it is. In a query `None` is left out and a
//! sequence repeats the name.

use http::{HeaderName, HeaderValue, Method};
use serde::Serialize;
use url::form_urlencoded;

use super::fields::{Fields, Value, fields};
use super::template::Template;
use super::text::Text;
use crate::{Error, Result};

/// Where the parts of an input go.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) path: Template,
    pub(crate) query: Vec<(String, Template)>,
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) rest: Rest,
    /// Every parameter, in order, each once.
    parameters: Vec<String>,
}

/// Where a struct's left-over fields go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    Query,
    Json,
    Form,
}

/// An input, ready to be sent any number of times.
#[derive(Debug, Clone, Default)]
pub(crate) struct Encoded {
    /// Escaped.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Option<EncodedBody>,
}

/// A body and what it is.
#[derive(Debug, Clone)]
pub(crate) struct EncodedBody {
    pub(crate) bytes: Vec<u8>,
    pub(crate) content_type: &'static str,
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

impl Rest {
    /// Where the rest goes by default.
    pub(crate) fn of(method: &Method) -> Self {
        if [Method::GET, Method::HEAD, Method::DELETE].contains(method) { Self::Query } else { Self::Json }
    }
}

impl Plan {
    pub(crate) fn new(
        path: Template,
        query: Vec<(String, Template)>,
        headers: Vec<(HeaderName, Template)>,
        rest: Rest,
    ) -> Self {
        let queries = query.iter().map(|(_, template)| template);
        let templates = std::iter::once(&path).chain(queries).chain(headers.iter().map(|(_, template)| template));
        let mut parameters: Vec<String> = Vec::new();
        for name in templates.flat_map(Template::parameters) {
            if !parameters.iter().any(|known| known == name) {
                parameters.push(name.to_owned());
            }
        }
        Self { path, query, headers, rest, parameters }
    }

    /// Whether a field of this name fills a parameter.
    pub(crate) fn has_parameter(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter == name)
    }

    /// Encodes one input.
    pub(crate) fn encode<I: Serialize + ?Sized>(&self, input: &I) -> Result<Encoded> {
        let refused = |error: &dyn std::fmt::Display| Error::input(format!("the input does not fit: {error}"));
        if self.rest == Rest::Json && self.parameters.is_empty() {
            let bytes = serde_json::to_vec(input).map_err(|error| refused(&error))?;
            // `()` and `None` are no body.
            let body = (bytes != b"null").then_some(EncodedBody { bytes, content_type: JSON });
            return Ok(Encoded { path: self.path.fill_path(|_| Ok(""))?, body, ..Encoded::default() });
        }
        let fields = fields(self, input).map_err(|error| refused(&error))?;
        self.place(self.named(fields)?)
    }

    /// Gives positional values the names of the parameters, in order.
    fn named(&self, fields: Fields) -> Result<Fields> {
        let Fields::Positional(values) = fields else { return Ok(fields) };
        let expected = self.parameters.len();
        if values.len() != expected {
            return Err(Error::input(format!("{} values for {expected} parameters", values.len())));
        }
        let values = values.into_iter().map(Value::Text);
        Ok(Fields::Named(self.parameters.iter().cloned().zip(values).collect()))
    }

    fn place(&self, fields: Fields) -> Result<Encoded> {
        let fields = match fields {
            Fields::Named(fields) => fields,
            Fields::Positional(_) => Vec::new(),
        };
        let find = |name: &str| match fields.iter().find(|(field, _)| field == name) {
            Some((_, Value::Text(text))) => Ok(text),
            _ => Err(Error::input(format!("the parameter {name} is missing"))),
        };
        let path = self.path.fill_path(|name| match find(name)? {
            Text::One(text) if !text.is_empty() => Ok(text.as_str()),
            Text::Many(_) => Err(Error::input(format!("the path parameter {name} is a sequence"))),
            Text::One(_) | Text::Absent => Err(Error::input(format!("the path parameter {name} is empty"))),
        })?;

        let mut query = Vec::new();
        for (name, template) in &self.query {
            for text in filled(template, find)? {
                query.push((name.clone(), text));
            }
        }
        let mut headers = Vec::new();
        for (name, template) in &self.headers {
            for text in filled(template, find)? {
                let value = HeaderValue::try_from(text).map_err(|_| {
                    Error::input(format!("the header {name} would have characters that none can carry"))
                })?;
                headers.push((name.clone(), value));
            }
        }

        let rest = fields.into_iter().filter(|(name, _)| !self.has_parameter(name));
        let mut encoded = Encoded { path, query, headers, body: None };
        match self.rest {
            Rest::Query => encoded.query.extend(pairs(rest)),
            Rest::Form => {
                let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs(rest)).finish();
                encoded.body = Some(EncodedBody { bytes: form.into_bytes(), content_type: FORM });
            }
            Rest::Json => encoded.body = object(rest)?,
        }
        Ok(encoded)
    }
}

/// The texts of a query or header template: none where a parameter is absent, several where it is a sequence and the
/// whole template.
fn filled<'f>(template: &Template, find: impl Fn(&str) -> Result<&'f Text>) -> Result<Vec<String>> {
    if let Some(Text::Many(texts)) = template.sole_parameter().map(&find).transpose()? {
        return Ok(texts.clone());
    }
    for name in template.parameters() {
        match find(name)? {
            Text::Absent => return Ok(Vec::new()),
            Text::Many(_) => return Err(Error::input(format!("the parameter {name} is a sequence inside a text"))),
            Text::One(_) => {}
        }
    }
    let text = template.fill(|name| match find(name)? {
        Text::One(text) => Ok(text.as_str()),
        _ => Ok(""),
    })?;
    Ok(vec![text])
}

fn pairs(fields: impl Iterator<Item = (String, Value)>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Text(Text::One(text)) => pairs.push((name, text)),
            Value::Text(Text::Many(texts)) => pairs.extend(texts.into_iter().map(|text| (name.clone(), text))),
            Value::Text(Text::Absent) | Value::Json(_) => {}
        }
    }
    pairs
}

/// A JSON object of fields that are JSON already; nothing where there is no field at all, not even a skipped one.
fn object(fields: impl Iterator<Item = (String, Value)>) -> Result<Option<EncodedBody>> {
    let mut fields = fields.peekable();
    if fields.peek().is_none() {
        return Ok(None);
    }
    let mut bytes = vec![b'{'];
    for (name, value) in fields {
        let Value::Json(json) = value else { continue };
        if bytes.len() > 1 {
            bytes.push(b',');
        }
        serde_json::to_writer(&mut bytes, &name).map_err(|_| Error::input("a field's name is no text"))?;
        bytes.push(b':');
        bytes.extend_from_slice(&json);
    }
    bytes.push(b'}');
    Ok(Some(EncodedBody { bytes, content_type: JSON }))
}
