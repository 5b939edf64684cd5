//! Parsers of the header names and values that users write.

use http::{HeaderName, HeaderValue};

use crate::error::{Error, ErrorKind, Result};

/// Parses the name of a header.
///
/// # Errors
///
/// An error of `kind` that names the header.
pub(crate) fn parse_header_name(name: &str, kind: ErrorKind) -> Result<HeaderName> {
    HeaderName::try_from(name)
        .map_err(|error| Error::new(kind, format!("header `{name}`: not a valid HTTP header name")).with_source(error))
}

/// Parses the value of the header `name`.
///
/// # Errors
///
/// An error of `kind` that names the header. It does not show the value, because that may be a secret.
pub(crate) fn parse_header_value(name: &HeaderName, value: &str, kind: ErrorKind) -> Result<HeaderValue> {
    HeaderValue::try_from(value).map_err(|error| {
        Error::new(kind, format!("header `{name}`: value is not a valid HTTP header value")).with_source(error)
    })
}
