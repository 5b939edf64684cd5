//! The connections of the `redis` crate as clients.

use async_trait::async_trait;
use redis::aio::{ConnectionLike, ConnectionManager, MultiplexedConnection};
use redis::{Cmd, ErrorKind, RedisError, Value};

use super::command::{RedisClient, Reply};
use super::error::ClientError;

/// Sends a command, and returns the reply in the form of the `redis` crate.
pub(super) async fn send(connection: &mut impl ConnectionLike, words: &[&[u8]]) -> Result<Value, RedisError> {
    let mut command = Cmd::with_capacity(words.len(), words.iter().map(|word| word.len()).sum());
    for word in words {
        command.arg(word);
    }
    connection.req_packed_command(&command).await?.extract_error()
}

macro_rules! client {
    ($(#[$attribute:meta])* $connection:ty) => {
        $(#[$attribute])*
        #[async_trait]
        impl RedisClient for $connection {
            async fn command(&self, words: &[&[u8]]) -> Result<Reply, ClientError> {
                Ok(send(&mut self.clone(), words).await?.into())
            }
        }
    };
}

client! {
    /// It reconnects after the connection broke, and sends no command twice. Unlike
    /// [`RedisStore::connect`](crate::RedisStore::connect) it does not leave a primary that was demoted, and does not try
    /// again after a refused login.
    ConnectionManager
}

client! {
    /// It never reconnects. A store that must survive a restart of the server takes a [`ConnectionManager`].
    MultiplexedConnection
}

#[cfg(feature = "cluster")]
client! {
    /// Create it with `retries(0)`. With retries it repeats a command whose reply was lost, which counts twice and books
    /// one slot twice. A command for a hash slot that is moving to another node then fails as retryable, and the next one
    /// reaches the new node.
    redis::cluster_async::ClusterConnection
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        match value {
            Value::Int(number) => Self::Int(number),
            Value::Boolean(yes) => Self::Int(yes.into()),
            Value::BulkString(bytes) => Self::Bytes(bytes.into()),
            Value::SimpleString(text) | Value::VerbatimString { text, .. } => Self::Bytes(text.into()),
            Value::Okay => Self::Bytes("OK".into()),
            Value::Array(values) => Self::Array(values.into_iter().map(Self::from).collect()),
            // No command of the store has another kind of reply.
            _ => Self::Nil,
        }
    }
}

impl From<RedisError> for ClientError {
    fn from(error: RedisError) -> Self {
        let source = Box::new(error.clone());
        if error.is_timeout() {
            return Self::Timeout(source);
        }
        match error.kind() {
            ErrorKind::Server(_) | ErrorKind::Extension => {
                let line = [error.code(), error.detail()].into_iter().flatten().collect::<Vec<_>>().join(" ");
                Self::Server { line, source }
            }
            ErrorKind::Io
            | ErrorKind::ClusterConnectionNotFound
            | ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::NoValidReplicasFoundBySentinel => Self::Connection(source),
            ErrorKind::AuthenticationFailed => Self::Login(source),
            ErrorKind::InvalidClientConfig | ErrorKind::RESP3NotSupported | ErrorKind::EmptySentinelList => {
                Self::Setting(source)
            }
            _ => Self::Other(source),
        }
    }
}
