//! What the end of an attempt says about the API, and the failure that opens a circuit.

use std::borrow::Cow;

use http::StatusCode;
use serde::{Deserialize, Serialize};

/// What the end of an attempt says about the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// The API responded, and the response is not a failure of the API.
    Responded,
    /// The API failed.
    Failed(Symptom),
    /// The attempt shows neither that the API is up nor that it is down, so the circuit does not count it.
    Unknown,
}

/// How an API failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Symptom {
    /// The response has this status.
    Status(u16),
    /// No response arrived in time.
    Timeout,
    /// No connection could be established.
    Connect,
    /// The connection broke.
    Broken,
}

impl Symptom {
    /// Returns the text that follows the name of the stitch in an error message.
    pub(super) fn text(self) -> Cow<'static, str> {
        match self {
            Self::Status(status) => format!("received status {status}").into(),
            Self::Timeout => "received no response in time".into(),
            Self::Connect => "could not connect".into(),
            Self::Broken => "lost its connection".into(),
        }
    }
}

/// The failure that opened a circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenCause {
    /// Name of the stitch whose attempt failed.
    pub(super) stitch: String,
    pub(super) symptom: Symptom,
}

/// Returns `true` for a status of a failing API: 5xx, except 501 and 505, which concern the request (RFC 9110, section
/// 15.6).
pub(crate) fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() && !matches!(status, StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_a_5xx_except_501_and_505() {
        let fails = |status: u16| is_failure(StatusCode::from_u16(status).unwrap());
        assert!([500, 502, 503, 504, 520, 529].into_iter().all(fails));
        assert!(!(100..500).chain([501, 505]).any(fails));
    }
}
