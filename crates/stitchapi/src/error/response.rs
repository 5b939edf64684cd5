//! The response of the API that an error holds.

use std::fmt;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::de::DeserializeOwned;

/// Maximum size of the body that an error keeps, in bytes: 64 KiB. The body of a response other than a success is read
/// up to this size.
pub(crate) const MAX_ERROR_BODY: usize = 64 << 10;

/// Response of the API in an [`Error`](crate::Error): its status is not a success, its body is larger than the limit,
/// or its body does not have the type that the stitch declares.
///
/// Its `Debug` shows neither the body nor the value of a header, because both may hold secrets.
///
/// ```
/// use serde::Deserialize;
/// use stitchapi::Error;
///
/// #[derive(Deserialize)]
/// struct Problem { detail: String }
///
/// fn detail(error: &Error) -> Option<String> {
///     let problem: Problem = error.response()?.json().ok()?;
///     Some(problem.detail)
/// }
/// # let _ = detail;
/// ```
#[derive(Clone)]
pub struct ErrorResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The first 64 KiB of the body.
    pub body: Bytes,
}

impl ErrorResponse {
    pub(crate) fn new(parts: Parts, mut body: Bytes) -> Self {
        body.truncate(MAX_ERROR_BODY);
        Self { status: parts.status, headers: parts.headers, body }
    }

    /// Deserializes the body from JSON, usually into the error type of the API.
    ///
    /// # Errors
    ///
    /// The error of `serde_json` if the body is not JSON of that type, or was cut off at 64 KiB.
    pub fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body)
    }

    /// Removes the data of the caller that sent the request: the cookies and, unless `keep_body`, the body.
    pub(super) fn redact(&mut self, keep_body: bool) {
        self.headers.remove(header::SET_COOKIE);
        if !keep_body {
            self.body = Bytes::new();
        }
    }
}

impl fmt::Debug for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("ErrorResponse")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}
