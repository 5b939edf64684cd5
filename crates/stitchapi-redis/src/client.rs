//! What the store asks of a Redis client.

#[cfg(feature = "redis-rs")]
mod link;
#[cfg(feature = "redis-rs")]
mod redis_rs;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

#[cfg(feature = "redis-rs")]
pub(crate) use link::Link;

/// A client of Redis, of whatever make.
///
/// # Contract
///
/// * One command is sent and its reply returned. What the server answers with an error is
///   [`ClientError::Server`], whatever else goes wrong one of the others.
/// * **A command is never sent twice.** A client that repeats by itself what was not answered counts twice and gives the
///   same slot twice: switch that off. Following the redirect of a cluster is no repetition.
/// * A dropped future leaves the command done or not done and the client usable.
/// * It has a timeout of its own, best below 250 ms, and connects again by itself.
#[async_trait]
pub trait RedisClient: Send + Sync + 'static {
    /// Sends one command, its name first: `[b"GET", b"key"]`.
    async fn command(&self, words: &[&[u8]]) -> Result<Reply, ClientError>;
}

#[async_trait]
impl<C: RedisClient + ?Sized> RedisClient for Arc<C> {
    async fn command(&self, words: &[&[u8]]) -> Result<Reply, ClientError> {
        (**self).command(words).await
    }
}

/// What Redis answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A number.
    Int(i64),
    /// A string of any bytes, or a status such as `OK`.
    Bytes(Bytes),
    /// Several replies.
    Array(Vec<Self>),
}

type Source = Box<dyn Error + Send + Sync>;

/// Why there is no [`Reply`]. The client's own error is kept whole.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The server answered with an error.
    Server {
        /// The line it sent: `NOAUTH Authentication required.`
        line: String,
        /// The client's own error.
        source: Source,
    },
    /// The server does not let us in.
    Login(Source),
    /// No answer came in time; the command may have been done.
    Timeout(Source),
    /// There is no connection, or it broke; the command may have been done.
    Connection(Source),
    /// The client is set up wrongly: an address that is none, a missing feature.
    Setting(Source),
    /// Anything else.
    Other(Source),
}

impl ClientError {
    /// The client's own error.
    pub(crate) fn into_source(self) -> Source {
        match self {
            Self::Server { source, .. } => source,
            Self::Login(source)
            | Self::Timeout(source)
            | Self::Connection(source)
            | Self::Setting(source)
            | Self::Other(source) => source,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server { .. } => "the server answered with an error",
            Self::Login(_) => "the server refused the login",
            Self::Timeout(_) => "no answer came in time",
            Self::Connection(_) => "there is no connection",
            Self::Setting(_) => "the client is set up wrongly",
            Self::Other(_) => "the client failed",
        })
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Server { source, .. } => Some(&**source),
            Self::Login(source)
            | Self::Timeout(source)
            | Self::Connection(source)
            | Self::Setting(source)
            | Self::Other(source) => Some(&**source),
        }
    }
}
