//! The connections of the `redis` crate.

use async_trait::async_trait;
use redis::aio::{ConnectionLike, ConnectionManager, MultiplexedConnection};
use redis::{Cmd, ErrorKind, RedisError, Value};

use super::{ClientError, RedisClient, Reply};

/// Sends a command; the reply as the client gives it.
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
    /// It connects again after it broke, and sends nothing twice. It does not by itself leave a primary that was demoted,
    /// nor try again after a refused login: [`RedisStore::connect`](crate::RedisStore::connect) does.
    ConnectionManager
}

client! {
    /// It never recovers once it broke: a store that is to outlive a restart of the server takes a [`ConnectionManager`].
    MultiplexedConnection
}

#[cfg(feature = "cluster")]
client! {
    /// Make it with `retries(0)`: else it sends a command again whose answer was lost, which counts twice and gives the
    /// same slot twice. A command that meets a slot on its way to another node then fails, retryable, and the next one
    /// finds it.
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
            // The store asks for nothing that has another reply.
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
