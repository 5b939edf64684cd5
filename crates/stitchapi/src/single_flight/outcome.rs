//! What a flight leaves for those who waited.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// How a flight ended. Kept in the store for a few seconds, in plain: it holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It brought what was wanted; that is in the store.
    Stored,
    /// It brought something that cannot be kept: everybody goes at once, also those who come in the next seconds.
    NotKept,
    /// It failed.
    Failed(Failed),
}

/// A failure that others share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failed {
    /// What was attempted.
    pub(crate) what: Cow<'static, str>,
    /// Which sort of failure it is.
    pub(crate) reason: Reason,
    /// Whether the same may succeed later.
    pub(crate) retryable: bool,
    /// When to try again, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<Duration>,
}

/// Which sort of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// An answer with this status.
    Status(u16),
    /// No answer.
    Transport,
    /// No answer in time.
    Timeout,
    /// No credential.
    Auth,
}

impl Outcome {
    pub(crate) fn to_bytes(&self) -> Bytes {
        // A plain enum of numbers and text: there is nothing that JSON could not hold.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read_as_it_is_written_and_anything_else_is_none() {
        let failed = Failed {
            what: "the API answered 503".into(),
            reason: Reason::Status(503),
            retryable: true,
            retry_after: Some(Duration::from_secs(2)),
        };
        for outcome in [Outcome::Stored, Outcome::NotKept, Outcome::Failed(failed)] {
            assert_eq!(Outcome::from_bytes(&outcome.to_bytes()), Some(outcome));
        }
        assert_eq!(Outcome::from_bytes(b"{\"outcome\":\"something newer\"}"), None);
        assert_eq!(Outcome::from_bytes(b""), None);
    }
}
