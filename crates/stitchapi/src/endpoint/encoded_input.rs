//! An input, encoded as the parts of a request.

use http::{HeaderName, HeaderValue};

/// An input, encoded once and sent any number of times.
#[derive(Debug, Clone, Default)]
pub(crate) struct EncodedInput {
    /// The path below the seam's base URL, percent-encoded.
    pub(crate) path: String,
    /// Pairs of the query, not yet percent-encoded.
    pub(crate) query: Vec<(String, String)>,
    /// Headers whose templates have parameters, filled with values of the input. A name may occur several times.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; `None` for a request without one.
    pub(crate) body: Option<EncodedBody>,
}

/// An encoded body.
#[derive(Debug, Clone)]
pub(crate) struct EncodedBody {
    /// The bytes to send.
    pub(crate) bytes: Vec<u8>,
    /// The value of `Content-Type`.
    pub(crate) content_type: &'static str,
}

impl EncodedBody {
    /// Creates a JSON body.
    pub(super) fn json(bytes: Vec<u8>) -> Self {
        Self { bytes, content_type: "application/json" }
    }

    /// Creates a form body.
    pub(super) fn form(bytes: Vec<u8>) -> Self {
        Self { bytes, content_type: "application/x-www-form-urlencoded" }
    }
}
