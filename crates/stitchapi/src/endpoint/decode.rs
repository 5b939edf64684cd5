//! Decoders: functions that convert a response into the caller's type.
//!
//! [`StitchBuilder::build`](crate::StitchBuilder::build) decodes JSON. [`build_with`](crate::StitchBuilder::build_with)
//! takes one of the other functions of this module, or any function or closure with the same signature:
//!
//! ```no_run
//! # fn main() -> stitchapi::Result<()> {
//! use stitchapi::{Seam, Stitch, decode};
//!
//! let seam = Seam::builder("https://api.example.com").build()?;
//! let page: Stitch<str, String> = seam.get("/pages/{name}").build_with(decode::text)?;
//! let image: Stitch<u64, bytes::Bytes> = seam.get("/images/{id}").build_with(decode::bytes)?;
//! let delete: Stitch<u64, ()> = seam.delete("/images/{id}").build_with(decode::empty)?;
//! let size: Stitch<u64, usize> = seam.get("/images/{id}").build_with(|_, body| Ok(body.len()))?;
//! # let _ = (page, image, delete, size); Ok(()) }
//! ```

use std::error::Error;
use std::fmt;

use bytes::Bytes;
use http::response::Parts;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::BoxError;

/// Decodes the body as JSON. An empty body is read as `null`, so that `()` and `Option` fit a response without a body.
///
/// # Errors
///
/// If the body is not JSON, or does not have the shape of `T`. The error shows no part of the body.
#[expect(clippy::needless_pass_by_value, reason = "every decoder has this shape")]
pub fn json<T: DeserializeOwned>(_: &Parts, body: Bytes) -> Result<T, BoxError> {
    let json: &[u8] = if body.is_empty() { b"null" } else { &body };
    serde_json::from_slice(json).map_err(|error| JsonError::from(error).into())
}

/// Decodes the body as UTF-8 text.
///
/// # Errors
///
/// If the body is not UTF-8.
#[expect(clippy::needless_pass_by_value, reason = "every decoder has this shape")]
pub fn text(_: &Parts, body: Bytes) -> Result<String, BoxError> {
    Ok(std::str::from_utf8(&body)?.to_owned())
}

/// Returns the body unchanged.
///
/// # Errors
///
/// None.
pub fn bytes(_: &Parts, body: Bytes) -> Result<Bytes, BoxError> {
    Ok(body)
}

/// Ignores the body.
///
/// # Errors
///
/// None.
pub fn empty(_: &Parts, _: Bytes) -> Result<(), BoxError> {
    Ok(())
}

/// The kind and the position of a JSON error. The parser's own message is left out, because it can quote the body,
/// which may contain a secret.
#[derive(Debug)]
struct JsonError {
    category: Category,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        Self { category: error.classify(), line: error.line(), column: error.column() }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.category {
            Category::Data => "JSON does not have the declared shape",
            Category::Eof => "JSON ends too early",
            Category::Syntax | Category::Io => "body is not JSON",
        };
        write!(f, "{what}: line {}, column {}", self.line, self.column)
    }
}

impl Error for JsonError {}
