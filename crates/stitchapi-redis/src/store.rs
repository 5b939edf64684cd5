//! The store: a client and a prefix.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use stitchapi_core::{Key, Prefix};

use crate::client::{RedisClient, Reply};
use crate::error::Failure;
use crate::script::{Arguments, Script};

/// Longest key in bytes, without the prefix.
pub(crate) const MAX_KEY: usize = 64 << 10;
/// Longest value in bytes. At 1 Gbit/s it takes a third of the 200 ms until a reply must have arrived.
pub(crate) const MAX_VALUE: usize = 8 << 20;

/// Store on a Redis or Valkey server, for any number of processes on any number of machines.
///
/// * It has every facet, and implements all four itself. Clones share one client;
///   [`with_prefix`](Self::with_prefix) returns a view with keys of its own.
/// * Every operation is one command, or one script on one key. Facets use the server's clock.
/// * A dropped future leaves its operation done as a whole or not at all, and the connection usable.
/// * No command is sent twice.
///
/// ```no_run
/// use stitchapi_core::{Key, StitchStore};
/// use stitchapi_redis::RedisStore;
///
/// # async fn example() -> Result<(), stitchapi_core::StoreError> {
/// let store = RedisStore::connect("redis://localhost").await?;
/// store.set(&Key::new("greeting"), "hello".into(), None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    client: Arc<dyn RedisClient>,
    prefix: Prefix,
}

impl RedisStore {
    /// Creates a store on a client of the user.
    #[must_use]
    pub fn new(client: impl RedisClient) -> Self {
        Self { client: Arc::new(client), prefix: Prefix::default() }
    }

    /// Connects to the server at `url`: `redis://user:password@host:port/database`, `rediss://` for TLS (with the feature
    /// `tls-rustls`), `unix:` for a socket.
    ///
    /// * There is one connection, with `TCP_NODELAY`. To connect may take 1 s, a reply 200 ms: below the 250 ms after which
    ///   the library stops waiting.
    /// * A connection that broke, or whose server became a replica, is replaced by the next command, which resolves the
    ///   address again. Failed commands are not repeated.
    /// * It must be called, and the store used, within a tokio runtime. The client spawns one task there for each
    ///   connection; the task ends with the last clone of the store.
    /// * Cancellation: a dropped future leaves nothing behind.
    ///
    /// # Errors
    ///
    /// * [`InvalidConfig`](stitchapi_core::StoreErrorKind::InvalidConfig): `url` is malformed, or asks for TLS without the
    ///   feature.
    /// * [`Unavailable`](stitchapi_core::StoreErrorKind::Unavailable): the server cannot be reached, or is not ready.
    /// * [`Denied`](stitchapi_core::StoreErrorKind::Denied): the server requires another user or password.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime; with `rediss://`, if the program has no crypto provider of rustls.
    #[cfg(feature = "redis-rs")]
    pub async fn connect(url: &str) -> Result<Self, stitchapi_core::StoreError> {
        let opened = crate::client::ReconnectingClient::open(url).await;
        Ok(Self::new(opened.map_err(|error| Failure::Open(error).of("connect"))?))
    }

    /// Returns a view on the same client with another prefix.
    #[must_use]
    pub fn with_prefix(&self, prefix: Prefix) -> Self {
        Self { prefix, ..self.clone() }
    }

    /// Runs a script on a key.
    pub(crate) async fn run(&self, script: &Script, key: &Key, arguments: &Arguments<'_>) -> Result<Reply, Failure> {
        script.run(&*self.client, &self.render(key)?, arguments).await
    }

    /// Sends a command on a key.
    pub(crate) async fn send(&self, command: &str, key: &Key) -> Result<Reply, Failure> {
        Ok(self.client.command(&[command.as_bytes(), self.render(key)?.as_bytes()]).await?)
    }

    /// Reads the stored value under a key, with its tag.
    pub(crate) async fn stored(&self, key: &Key) -> Result<Option<Bytes>, Failure> {
        match self.send("GET", key).await? {
            Reply::Nil => Ok(None),
            Reply::Bytes(value) => Ok(Some(value)),
            _ => Err(Failure::UnexpectedReply),
        }
    }

    /// Renders a key with the prefix, and refuses one that is too long.
    fn render(&self, key: &Key) -> Result<String, Failure> {
        if key.rendered_len() > MAX_KEY { Err(Failure::LongKey) } else { Ok(key.render(&self.prefix)) }
    }
}

/// Refuses a value that is too long.
pub(crate) fn check_value(value: &Bytes) -> Result<(), Failure> {
    if value.len() > MAX_VALUE { Err(Failure::LongValue) } else { Ok(()) }
}

/// Omits the client, which may contain a password.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
