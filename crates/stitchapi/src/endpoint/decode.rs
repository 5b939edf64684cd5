//! From an answer to a caller's type.

use std::error::Error;
use std::fmt;

use bytes::Bytes;
use http::response::Parts;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::BoxError;

/// Reads the body as JSON; an empty one as `null`, so that `()` and `Option` fit an answer without a body.
///
/// # Errors
///
/// If the body is not JSON, or not of this shape.
#[expect(clippy::needless_pass_by_value, reason = "every decoder has this shape")]
pub fn json<T: DeserializeOwned>(_: &Parts, body: Bytes) -> Result<T, BoxError> {
    let json: &[u8] = if body.is_empty() { b"null" } else { &body };
    serde_json::from_slice(json).map_err(|error| NotJson::from(error).into())
}

/// Reads the body as UTF-8.
///
/// # Errors
///
/// If it is not UTF-8.
#[expect(clippy::needless_pass_by_value, reason = "every decoder has this shape")]
pub fn text(_: &Parts, body: Bytes) -> Result<String, BoxError> {
    Ok(std::str::from_utf8(&body)?.to_owned())
}

/// Takes the body as it is.
///
/// # Errors
///
/// None.
pub fn bytes(_: &Parts, body: Bytes) -> Result<Bytes, BoxError> {
    Ok(body)
}

/// Wants nothing of the body, whatever it is.
///
/// # Errors
///
/// None.
pub fn empty(_: &Parts, _: Bytes) -> Result<(), BoxError> {
    Ok(())
}

/// Where and how an answer is not the declared JSON. The parser's own message would quote the answer, which may be secret.
#[derive(Debug)]
struct NotJson {
    category: Category,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for NotJson {
    fn from(error: serde_json::Error) -> Self {
        Self { category: error.classify(), line: error.line(), column: error.column() }
    }
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.category {
            Category::Data => "another shape than declared",
            Category::Eof => "JSON that ends too early",
            Category::Syntax | Category::Io => "no JSON",
        };
        write!(f, "{what}, at line {} column {}", self.line, self.column)
    }
}

impl Error for NotJson {}
