//! Failures of the store, and the one place that turns them into [`StoreError`]s.

use stitchapi_core::{StoreError, StoreErrorKind};

use crate::client::ClientError;
#[cfg(feature = "redis-rs")]
use crate::client::OpenError;

/// Name of the store in messages and events.
pub(crate) const STORE: &str = "redis";

/// Failure of an operation, without the name of the operation.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client returned no reply.
    Client(ClientError),
    /// `connect` failed.
    #[cfg(feature = "redis-rs")]
    Open(OpenError),
    /// The value under the key is damaged, of another kind, or of a newer format.
    Foreign,
    /// The reply has a form that no command of this store has.
    UnexpectedReply,
    /// The key is longer than the store accepts.
    LongKey,
    /// The value is longer than the store accepts.
    LongValue,
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl Failure {
    /// Returns the failure as a [`StoreError`] of `operation`, with the client's error kept whole as the source.
    pub(crate) fn of(self, operation: &'static str) -> StoreError {
        use StoreErrorKind::{Corrupt, Other, TooLarge};
        let error = |kind, reason| StoreError::new(kind, STORE, operation).with_reason(reason);
        match self {
            Self::Client(client) => {
                let (kind, reason) = classify(&client);
                error(kind, reason).with_source(client.into_source())
            }
            #[cfg(feature = "redis-rs")]
            Self::Open(OpenError::Connect(client)) => Self::Client(client).of(operation),
            #[cfg(feature = "redis-rs")]
            Self::Open(OpenError::Address(client)) => error(
                StoreErrorKind::InvalidConfig,
                "the address is malformed; expected redis://user:password@host:port/database",
            )
            .with_source(client.into_source()),
            #[cfg(feature = "redis-rs")]
            Self::Open(OpenError::NoTls(client)) => error(
                StoreErrorKind::InvalidConfig,
                "the address asks for TLS; enable the feature tls-rustls of stitchapi-redis",
            )
            .with_source(client.into_source()),
            Self::Foreign => error(Corrupt, "the key holds a value of another kind, a damaged one or a newer one"),
            Self::UnexpectedReply => error(Other, "the reply has a form that no command of this store has"),
            Self::LongKey => error(TooLarge, "the key is longer than 64 KiB"),
            Self::LongValue => error(TooLarge, "the value is longer than 8 MiB"),
        }
    }
}

/// Returns the kind of a client's error, and the reason for the message. The README has the same table.
fn classify(error: &ClientError) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{Denied, InvalidConfig, Other, Timeout, Unavailable};
    match error {
        ClientError::Server { line, .. } => classify_line(line),
        ClientError::Login(_) => (Denied, "the server refused the login"),
        ClientError::Timeout(_) => (Timeout, "the server did not reply in time"),
        ClientError::Connection(_) => (Unavailable, "there is no connection to the server"),
        ClientError::Setting(_) => (InvalidConfig, "a setting of the client is invalid"),
        ClientError::Other(_) => (Other, "the client failed"),
    }
}

/// Returns the same for an error line of the server, whose first word is a code.
fn classify_line(line: &str) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{Corrupt, Denied, InvalidConfig, Other, Unavailable, Unsupported};
    let (code, text) = line.split_once(' ').unwrap_or((line, ""));
    match code {
        "NOAUTH" | "WRONGPASS" => (Denied, "the server requires another user or password"),
        "NOPERM" => (Denied, "the user has no permission for the command"),
        "LOADING" => (Unavailable, "the server is loading its data"),
        "READONLY" => (Unavailable, "the server is a read-only replica"),
        "MASTERDOWN" => (Unavailable, "the replica has lost its primary"),
        "MOVED" | "ASK" => (Unavailable, "the key is on another node of the cluster"),
        "CLUSTERDOWN" | "TRYAGAIN" => (Unavailable, "the cluster is down or moves the key"),
        "BUSY" => (Unavailable, "the server is busy with a slow script"),
        "OOM" => (Unavailable, "the server is out of memory"),
        "MISCONF" => (Unavailable, "the server cannot save its data and refuses writes"),
        "NOREPLICAS" => (Unavailable, "the server has too few replicas and refuses writes"),
        "WRONGTYPE" => (Corrupt, "the key holds another type of value"),
        "ERR" if text.starts_with("max number of clients") => (Unavailable, "the server has too many clients"),
        "ERR" if text.starts_with("DB index") => (InvalidConfig, "the server has no such database"),
        "ERR" if text.starts_with("unknown command") => (Unsupported, "the server does not know the command"),
        _ => (Other, "the server replied with an error"),
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
    fn a_temporary_state_of_the_server_is_retryable() {
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
    fn a_failure_that_needs_an_operator_is_not_retryable() {
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
    fn the_clients_error_is_the_source_and_not_part_of_the_message() {
        let error = of_line("NOPERM a secret");
        assert_eq!(
            error.to_string(),
            "incr on the redis store failed: the store denied access: the user has no permission for the command"
        );
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("NOPERM a secret"));
    }
}
