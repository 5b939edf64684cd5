//! The outcome that the leader of a flight stores for its followers.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// How a flight ended. It is stored as plain JSON, so it must not contain a secret.
///
/// It expires after 5 s, except for the failure of a task with a
/// [`FAILURE_BACK_OFF`](super::FlightTask::FAILURE_BACK_OFF). That expires after the `retry_after` of the failure, but
/// not before the back-off and not later than 60 s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The output is in the store.
    Stored,
    /// The output cannot be stored, so each process fetches for itself, also a process that begins before this outcome
    /// expires.
    NotKept,
    /// The fetch failed.
    Failed(SharedFailure),
}

/// A failure that followers share with the leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SharedFailure {
    /// What failed.
    pub(crate) what: Cow<'static, str>,
    /// Why it failed.
    pub(crate) reason: FailureReason,
    /// Whether the same fetch may succeed later.
    pub(crate) retryable: bool,
    /// Time to wait before the next fetch, if the API or the login service stated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<Duration>,
}

/// Why a fetch failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureReason {
    /// The response had this status.
    Status(u16),
    /// No response arrived.
    Transport,
    /// No response arrived in time.
    Timeout,
    /// No credential could be prepared.
    Auth,
}

impl Outcome {
    pub(crate) fn to_bytes(&self) -> Bytes {
        // The enum holds numbers and text only, which JSON can represent.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// Decodes what [`to_bytes`](Self::to_bytes) wrote; `None` for anything else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_decoded_as_it_was_encoded_and_other_bytes_are_rejected() {
        let failure = SharedFailure {
            what: "the API responded 503".into(),
            reason: FailureReason::Status(503),
            retryable: true,
            retry_after: Some(Duration::from_secs(2)),
        };
        for outcome in [Outcome::Stored, Outcome::NotKept, Outcome::Failed(failure)] {
            assert_eq!(Outcome::from_bytes(&outcome.to_bytes()), Some(outcome));
        }
        assert_eq!(Outcome::from_bytes(b"{\"outcome\":\"something newer\"}"), None);
        assert_eq!(Outcome::from_bytes(b""), None);
    }
}
