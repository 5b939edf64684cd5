//! What a worker is told to do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::secrets::Secrets;
use super::store::Store;

/// The first line on a worker's standard input, as JSON. All of it: the store's URL and the secrets may not show in
/// process lists.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Assignment {
    pub(super) tasks: usize,
    pub(super) rate: String,
    pub(super) burst: u32,
    pub(super) duration: Duration,
    pub(super) store: Store,
    pub(super) url: String,
    /// With our own upstream only: somebody else's server has neither logins nor a resource for us.
    pub(super) membership: Option<Membership>,
}

/// How the workers of one run belong together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Membership {
    /// The name of their seams, of this run only: another one on the same store begins anew.
    pub(super) seam: String,
    pub(super) secrets: Secrets,
}

impl Assignment {
    pub(super) fn to_line(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    pub(super) fn of_line(line: &str) -> serde_json::Result<Self> {
        serde_json::from_str(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_one_line_and_shows_no_secret() {
        let secrets = Secrets { client_secret: "s3cret".to_owned(), sealing_key: [7; 32] };
        let assignment = Assignment {
            tasks: 25,
            rate: "50/s".to_owned(),
            burst: 1,
            duration: Duration::from_secs(10),
            store: Store::Redis("redis://:s3cret@localhost".to_owned()),
            url: "http://127.0.0.1:9/".to_owned(),
            membership: Some(Membership { seam: "fleet 1".to_owned(), secrets }),
        };
        let line = assignment.to_line().unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        let read = Assignment::of_line(&line).unwrap();
        assert_eq!(read.store, assignment.store);
        assert_eq!(read.membership.as_ref().unwrap().secrets.sealing_key, [7; 32]);
        assert!(!format!("{read:?}").contains("s3cret"), "{read:?}");
    }
}
