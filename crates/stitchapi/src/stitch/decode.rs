//! From an answer to a caller's type.

use bytes::Bytes;
use http::response::Parts;
use serde::de::DeserializeOwned;

use crate::BoxError;

/// Reads the body as JSON; an empty one as `null`, so that `()` and `Option` fit an answer without a body.
///
/// # Errors
///
/// If the body is not JSON, or not of this shape.
#[expect(clippy::needless_pass_by_value, reason = "every decoder has this shape")]
pub fn json<T: DeserializeOwned>(_: &Parts, body: Bytes) -> Result<T, BoxError> {
    let json: &[u8] = if body.is_empty() { b"null" } else { &body };
    Ok(serde_json::from_slice(json)?)
}

/// Reads the body as UTF-8.
///
/// # Errors
///
/// If it is not UTF-8.
pub fn text(_: &Parts, body: Bytes) -> Result<String, BoxError> {
    Ok(String::from_utf8(body.into())?)
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
