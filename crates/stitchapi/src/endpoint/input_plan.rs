//! The plan that assigns the values of an input to the parts of a request.
//!
//! * A scalar, a tuple or a sequence fills the parameters in order, and must have as many values as there are
//!   parameters. A struct or a map fills them by name.
//! * The remaining fields of a struct or a map go to the query of GET, HEAD and DELETE, and to the JSON body or the
//!   form of other methods.
//! * If there is a JSON body and no template has a parameter, the whole input is the body.
//! * In a query, a header or a form, `None` is omitted, and a sequence repeats the name.

use http::{HeaderName, Method};
use serde::Serialize;
use url::form_urlencoded;

use super::encoded_input::{EncodedBody, EncodedInput};
use super::fields::{FieldValue, Fields, split_fields};
use super::header::parse_header_value;
use super::template::Template;
use super::text::Text;
use crate::error::{Error, ErrorKind, Result};

/// The templates of an endpoint, and the part of the request that receives the fields without a parameter.
#[derive(Debug, Clone)]
pub(crate) struct InputPlan {
    path: Template,
    query: Vec<(String, Template)>,
    headers: Vec<(HeaderName, Template)>,
    extra_fields: ExtraFields,
    /// The parameters of all templates in order of first occurrence, without repetition.
    parameters: Vec<String>,
}

/// The part of the request that receives the fields of a struct that fill no parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExtraFields {
    /// Pairs of the query.
    Query,
    /// Members of a JSON body.
    Json,
    /// Pairs of a form body.
    Form,
}

impl ExtraFields {
    /// Returns the default for a method.
    pub(crate) fn of_method(method: &Method) -> Self {
        if [Method::GET, Method::HEAD, Method::DELETE].contains(method) { Self::Query } else { Self::Json }
    }
}

impl InputPlan {
    /// Creates a plan from the templates of an endpoint.
    pub(crate) fn new(
        path: Template,
        query: Vec<(String, Template)>,
        headers: Vec<(HeaderName, Template)>,
        extra_fields: ExtraFields,
    ) -> Self {
        let in_query = query.iter().map(|(_, template)| template);
        let in_headers = headers.iter().map(|(_, template)| template);
        let mut parameters: Vec<String> = Vec::new();
        for name in std::iter::once(&path).chain(in_query).chain(in_headers).flat_map(Template::parameters) {
            if !parameters.iter().any(|known| known == name) {
                parameters.push(name.to_owned());
            }
        }
        Self { path, query, headers, extra_fields, parameters }
    }

    /// Encodes one input.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] if the input does not fit the templates, or cannot be serialized.
    pub(crate) fn encode<I: Serialize + ?Sized>(&self, input: &I) -> Result<EncodedInput> {
        let unfit = |error: &dyn std::fmt::Display| Error::input(format!("input does not fit the endpoint: {error}"));
        if self.extra_fields == ExtraFields::Json && self.parameters.is_empty() {
            let json = serde_json::to_vec(input).map_err(|error| unfit(&error))?;
            // `()` and `None` are sent without a body.
            let body = (json != b"null").then(|| EncodedBody::json(json));
            return Ok(EncodedInput { path: self.path.render_path(|_| Ok(""))?, body, ..EncodedInput::default() });
        }
        let is_json = |name: &str| self.extra_fields == ExtraFields::Json && !self.has_parameter(name);
        match split_fields(input, &is_json).map_err(|error| unfit(&error))? {
            Fields::Named(fields) => self.assign(fields),
            Fields::Positional(values) => self.assign(self.name_values(values)?),
        }
    }

    /// Returns `true` if a field of this name fills a parameter.
    fn has_parameter(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter == name)
    }

    /// Gives the positional values the names of the parameters, in order.
    fn name_values(&self, values: Vec<Text>) -> Result<Vec<(String, FieldValue)>> {
        let (given, expected) = (values.len(), self.parameters.len());
        if given != expected {
            return Err(Error::input(format!("input has {given} values, but the endpoint has {expected} parameters")));
        }
        Ok(self.parameters.iter().cloned().zip(values.into_iter().map(FieldValue::Text)).collect())
    }

    /// Renders the templates with the fields, and adds the remaining fields to the query or the body.
    fn assign(&self, fields: Vec<(String, FieldValue)>) -> Result<EncodedInput> {
        let find = |name: &str| match fields.iter().find(|(field, _)| field == name) {
            Some((_, FieldValue::Text(text))) => Ok(text),
            _ => Err(Error::input(format!("parameter `{name}`: the input has no such field"))),
        };
        let path = self.path.render_path(|name| match find(name)? {
            Text::One(text) if !text.is_empty() => Ok(text.as_str()),
            Text::Many(_) => Err(Error::input(format!("path parameter `{name}`: a sequence cannot be part of a path"))),
            Text::One(_) | Text::Absent => Err(Error::input(format!("path parameter `{name}`: the value is empty"))),
        })?;

        let mut query = Vec::new();
        for (name, template) in &self.query {
            for text in render_texts(template, find)? {
                query.push((name.clone(), text));
            }
        }
        let mut headers = Vec::new();
        for (name, template) in &self.headers {
            for text in render_texts(template, find)? {
                headers.push((name.clone(), parse_header_value(name, &text, ErrorKind::Input)?));
            }
        }

        let extra = fields.into_iter().filter(|(name, _)| !self.has_parameter(name));
        let mut encoded = EncodedInput { path, query, headers, body: None };
        match self.extra_fields {
            ExtraFields::Query => encoded.query.extend(text_pairs(extra)),
            ExtraFields::Form => {
                let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(text_pairs(extra)).finish();
                encoded.body = Some(EncodedBody::form(form.into_bytes()));
            }
            ExtraFields::Json => encoded.body = json_object(extra)?,
        }
        Ok(encoded)
    }
}

/// Renders a query or header template. Returns no text if the value of a parameter is absent, and one text per element
/// if the template is a single parameter whose value is a sequence.
fn render_texts<'f>(template: &Template, find: impl Fn(&str) -> Result<&'f Text>) -> Result<Vec<String>> {
    if let Some(Text::Many(texts)) = template.as_single_parameter().map(&find).transpose()? {
        return Ok(texts.clone());
    }
    for name in template.parameters() {
        match find(name)? {
            Text::Absent => return Ok(Vec::new()),
            Text::Many(_) => {
                let what = format!("parameter `{name}`: a sequence cannot be part of a longer text");
                return Err(Error::input(what));
            }
            Text::One(_) => {}
        }
    }
    let text = template.render(|name| match find(name)? {
        Text::One(text) => Ok(text.as_str()),
        _ => Ok(""),
    })?;
    Ok(vec![text])
}

/// Returns the fields as pairs of a query or a form. An absent field is omitted, and a sequence repeats the name.
fn text_pairs(fields: impl Iterator<Item = (String, FieldValue)>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in fields {
        match value {
            FieldValue::Text(Text::One(text)) => pairs.push((name, text)),
            FieldValue::Text(Text::Many(texts)) => pairs.extend(texts.into_iter().map(|text| (name.clone(), text))),
            FieldValue::Text(Text::Absent) | FieldValue::Json(_) => {}
        }
    }
    pairs
}

/// Joins fields, each already serialized as JSON, into one JSON object. A field that serde skips
/// (`skip_serializing_if`) is left out. Returns `{}` if all fields are skipped, and `None` if there is no field.
fn json_object(fields: impl Iterator<Item = (String, FieldValue)>) -> Result<Option<EncodedBody>> {
    let mut fields = fields.peekable();
    if fields.peek().is_none() {
        return Ok(None);
    }
    let mut bytes = vec![b'{'];
    for (name, value) in fields {
        let FieldValue::Json(json) = value else { continue };
        if bytes.len() > 1 {
            bytes.push(b',');
        }
        serde_json::to_writer(&mut bytes, &name)
            .map_err(|error| Error::input(format!("field `{name}`: name cannot be written as JSON: {error}")))?;
        bytes.push(b':');
        bytes.extend_from_slice(&json);
    }
    bytes.push(b'}');
    Ok(Some(EncodedBody::json(bytes)))
}
