//! The trait of a Redis client: one command, one reply.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::error::ClientError;

/// Client of a Redis server, of any make.
///
/// # Contract
///
/// * A command is sent, and its reply returned. An error reply of the server is [`ClientError::Server`]; any other failure
///   is one of the other variants.
/// * **A command is never sent twice.** A client that repeats a command after a lost reply counts twice, and books one
///   slot twice: switch its retries off. To follow the redirect of a cluster is not a repetition.
/// * A dropped future leaves the command done or not done, and the client usable.
/// * The client has a timeout of its own, shorter than the library's 250 ms, and reconnects by itself.
///
/// ```
/// use stitchapi_redis::{ClientError, RedisClient, RedisStore, Reply};
///
/// /// Replies to every command as a server that holds no keys.
/// struct EmptyServer;
///
/// #[stitchapi_core::async_trait]
/// impl RedisClient for EmptyServer {
///     async fn command(&self, words: &[&[u8]]) -> Result<Reply, ClientError> {
///         match words[0] {
///             b"GET" => Ok(Reply::Nil),
///             _ => Err(ClientError::Other("the command is not implemented".into())),
///         }
///     }
/// }
///
/// let store = RedisStore::new(EmptyServer);
/// # let _ = store;
/// ```
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

/// Reply of a Redis server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// No value.
    Nil,
    /// Integer.
    Int(i64),
    /// String of any bytes, or a status such as `OK`.
    Bytes(Bytes),
    /// Array of replies.
    Array(Vec<Self>),
}
