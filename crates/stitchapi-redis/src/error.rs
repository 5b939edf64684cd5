//! The one place where failures become [`StoreError`]s.

use stitchapi_core::{StoreError, StoreErrorKind};

use crate::client::ClientError;

/// The store's name in messages and events.
pub(crate) const STORE: &str = "redis";

/// What can go wrong, before it is known in which operation.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client gave no reply.
    Client(ClientError),
    /// What `connect` was given is no address.
    #[cfg(feature = "redis-rs")]
    Address(ClientError),
    /// It is one for TLS, and the client was built without.
    #[cfg(feature = "redis-rs")]
    NoTls(ClientError),
    /// The value under the key is not what this operation works on.
    Foreign,
    /// A script answered what none of ours does.
    OddReply,
    LongKey,
    LongValue,
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl Failure {
    /// The failure as that of `operation`, with the client's own error kept whole as the source.
    pub(crate) fn of(self, operation: &'static str) -> StoreError {
        #[cfg(feature = "redis-rs")]
        use StoreErrorKind::InvalidConfig;
        use StoreErrorKind::{Corrupt, Other, TooLarge};
        let say = |kind, reason| StoreError::new(kind, STORE, operation).with_reason(reason);
        match self {
            Self::Client(error) => {
                let (kind, reason) = sort(&error);
                say(kind, reason).with_source(error.into_source())
            }
            #[cfg(feature = "redis-rs")]
            Self::Address(error) => {
                say(InvalidConfig, "the address is no url of redis").with_source(error.into_source())
            }
            #[cfg(feature = "redis-rs")]
            Self::NoTls(error) => {
                say(InvalidConfig, "an address for TLS takes the feature tls-rustls").with_source(error.into_source())
            }
            Self::Foreign => say(Corrupt, "the key is of another sort, or its value damaged or newer"),
            Self::OddReply => say(Other, "the server answered what none of our scripts does"),
            Self::LongKey => say(TooLarge, "the key"),
            Self::LongValue => say(TooLarge, "the value"),
        }
    }
}

/// What sort of failure a client's error is, and in our words. The table that the README promises.
fn sort(error: &ClientError) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{Denied, InvalidConfig, Other, Timeout, Unavailable};
    match error {
        ClientError::Server { line, .. } => sort_line(line),
        ClientError::Login(_) => (Denied, "the server refused the login"),
        ClientError::Timeout(_) => (Timeout, "the server is silent"),
        ClientError::Connection(_) => (Unavailable, "there is no connection to the server"),
        ClientError::Setting(_) => (InvalidConfig, "the client is set up wrongly"),
        ClientError::Other(_) => (Other, "the client failed"),
    }
}

/// The same for an error that the server answered with: its first word is the code.
fn sort_line(line: &str) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{Corrupt, Denied, InvalidConfig, Other, Unavailable, Unsupported};
    let (code, text) = line.split_once(' ').unwrap_or((line, ""));
    match code {
        "NOAUTH" | "WRONGPASS" => (Denied, "the server wants another login"),
        "NOPERM" => (Denied, "the user may not do this on the server"),
        "LOADING" => (Unavailable, "the server is reading its data"),
        "READONLY" => (Unavailable, "the server is a replica"),
        "MASTERDOWN" => (Unavailable, "the replica has lost its primary"),
        "MOVED" | "ASK" => (Unavailable, "the key is on another node of the cluster"),
        "CLUSTERDOWN" | "TRYAGAIN" => (Unavailable, "the cluster is changing"),
        "BUSY" => (Unavailable, "the server is busy with somebody's script"),
        "OOM" => (Unavailable, "the server has no memory left"),
        "MISCONF" => (Unavailable, "the server cannot save and takes no writes"),
        "NOREPLICAS" => (Unavailable, "the server has too few replicas and takes no writes"),
        "WRONGTYPE" => (Corrupt, "the key holds another type of Redis"),
        "ERR" if text.starts_with("max number of clients") => (Unavailable, "the server has too many clients"),
        "ERR" if text.starts_with("DB index") => (InvalidConfig, "the server has no such database"),
        "ERR" if text.starts_with("unknown command") => (Unsupported, "the server does not know the command"),
        _ => (Other, "the server answered with an error"),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn of_line(line: &str) -> StoreError {
        Failure::from(ClientError::Server { line: line.into(), source: line.into() }).of("incr")
    }

    #[test]
    fn what_a_server_cannot_do_just_now_may_be_tried_again() {
        for line in [
            "LOADING Redis is loading the dataset in memory",
            "READONLY You can't write against a read only replica.",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "CLUSTERDOWN Hash slot not served",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "ERR max number of clients reached",
        ] {
            let error = of_line(line);
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
            assert!(error.is_retryable());
        }
    }

    #[test]
    fn what_only_a_person_can_mend_is_not_retried() {
        let kinds = [
            ("NOAUTH Authentication required.", StoreErrorKind::Denied),
            ("WRONGPASS invalid username-password pair or user is disabled.", StoreErrorKind::Denied),
            ("NOPERM this user has no permissions to run the 'evalsha' command", StoreErrorKind::Denied),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", StoreErrorKind::Corrupt),
            ("ERR DB index is out of range", StoreErrorKind::InvalidConfig),
            ("ERR unknown command 'EVALSHA'", StoreErrorKind::Unsupported),
            ("ERR something else", StoreErrorKind::Other),
            ("", StoreErrorKind::Other),
        ];
        for (line, kind) in kinds {
            let error = of_line(line);
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.is_retryable());
        }
    }

    #[test]
    fn the_clients_own_error_is_the_source_and_not_the_message() {
        let error = of_line("NOPERM somebody's secret");
        assert_eq!(error.to_string(), "incr on the redis store was denied: the user may not do this on the server");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("NOPERM somebody's secret"));
    }
}
