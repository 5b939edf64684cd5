//! The first line that a worker process reads: what to call, how often, and on which store.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fleet::secrets::Secrets;
use crate::fleet::store_spec::StoreSpec;

/// Work of one worker process, sent as one line of JSON on its standard input.
///
/// No part of it is an argument or an environment variable, because process lists would show the store's URL and the
/// secrets.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Assignment {
    /// Number of concurrent tasks.
    pub(crate) tasks: usize,
    /// Rate of the budget, as text.
    pub(crate) rate: String,
    /// Burst of the budget, in calls.
    pub(crate) burst: u32,
    /// Time from `go` to the last start.
    pub(crate) duration: Duration,
    pub(crate) store: StoreSpec,
    /// URL of the rate-limited endpoint.
    pub(crate) url: String,
    /// `None` for an external API, which has neither a login nor a cached resource.
    pub(crate) identity: Option<FleetIdentity>,
}

/// Seam name and secrets that all workers of one run share.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FleetIdentity {
    /// Name of the workers' seams. It is unique to the run, so that a second run on the same store starts without state.
    pub(crate) seam: String,
    pub(crate) secrets: Secrets,
}

impl Assignment {
    /// Encodes the assignment as one line, with its line feed.
    pub(crate) fn to_line(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    /// Decodes a line that [`to_line`](Self::to_line) returned.
    pub(crate) fn from_line(line: &str) -> serde_json::Result<Self> {
        serde_json::from_str(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_one_line_and_debug_hides_its_secrets() {
        let secrets = Secrets { client_secret: "s3cret".to_owned(), sealing_key: [7; 32] };
        let assignment = Assignment {
            tasks: 25,
            rate: "50/s".to_owned(),
            burst: 1,
            duration: Duration::from_secs(10),
            store: StoreSpec::Redis("redis://:s3cret@localhost".to_owned()),
            url: "http://127.0.0.1:9/".to_owned(),
            identity: Some(FleetIdentity { seam: "fleet 1".to_owned(), secrets }),
        };
        let line = assignment.to_line().unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        let decoded = Assignment::from_line(&line).unwrap();
        assert_eq!(decoded.store, assignment.store);
        assert_eq!(decoded.identity.as_ref().unwrap().secrets.sealing_key, [7; 32]);
        assert!(!format!("{decoded:?}").contains("s3cret"), "{decoded:?}");
    }
}
