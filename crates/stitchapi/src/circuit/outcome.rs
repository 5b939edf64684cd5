//! What an attempt says about the API.

use std::borrow::Cow;

use http::StatusCode;
use serde::{Deserialize, Serialize};

/// What an attempt says about the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is up.
    Answered,
    /// It is not.
    Failed(Symptom),
    /// Nothing.
    Unknown,
}

/// How an API failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Symptom {
    /// It answered with this status.
    Status(u16),
    /// It did not answer in time.
    Timeout,
    /// It could not be reached.
    Connect,
    /// The connection broke.
    Broken,
}

impl Symptom {
    /// What happened to the stitch.
    pub(super) fn text(self) -> Cow<'static, str> {
        match self {
            Self::Status(status) => format!("was answered {status}").into(),
            Self::Timeout => "got no answer in time".into(),
            Self::Connect => "found no connection".into(),
            Self::Broken => "lost its connection".into(),
        }
    }
}

/// Whether this status says that the API fails. 501 and 505 speak of the request (RFC 9110, 15.6).
pub(crate) fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() && !matches!(status, StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_statuses_those_of_a_server_that_fails_are_failures() {
        let fails = |status: u16| is_failure(StatusCode::from_u16(status).unwrap());
        assert!([500, 502, 503, 504, 520, 529].into_iter().all(fails));
        assert!(!(100..500).chain([501, 505]).any(fails));
    }
}
