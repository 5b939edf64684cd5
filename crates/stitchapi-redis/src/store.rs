//! The store itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stitchapi_core::{
    Counter, Key, Leases, Pacer, Prefix, StitchStore, StoreError, StoreLimits, Versioned, async_trait, check_ttl,
};

use crate::client::{RedisClient, Reply};
use crate::error::{Failure, STORE};
use crate::plain;
use crate::script::{Arguments, Script};

/// The longest key, in bytes, without the prefix.
const MAX_KEY: usize = 64 << 10;
/// The longest value, in bytes: at 1 Gbit/s a third of the 200 ms that an answer may take.
const MAX_VALUE: usize = 8 << 20;

/// A store on a Redis or Valkey server, for any number of processes on any number of machines.
///
/// * It has every facet, and is all four of them itself. Clones share one client;
///   [`with_prefix`](Self::with_prefix) gives a view with keys of its own.
/// * Every operation is one command, or one script of one key; facets live on the server's clock.
/// * A future that is dropped leaves its operation done as a whole or not at all, and the connection usable.
/// * Nothing is ever sent twice.
#[derive(Clone)]
pub struct RedisStore {
    client: Arc<dyn RedisClient>,
    prefix: Prefix,
}

impl RedisStore {
    /// A store on a client that is there already.
    #[must_use]
    pub fn new(client: impl RedisClient) -> Self {
        Self { client: Arc::new(client), prefix: Prefix::default() }
    }

    /// Connects to the server at `url`: `redis://user:password@host:port/database`, `rediss://` for TLS (the feature
    /// `tls-rustls`), `unix:` for a socket.
    ///
    /// * One connection, on which commands wait for nobody else's answer (`TCP_NODELAY`). It takes up to 1 s to be
    ///   there; an answer takes up to 200 ms, below the 250 ms after which the library stops waiting.
    /// * A connection that broke, or whose server became a replica, is replaced by the next command, which looks the
    ///   address up again. What failed is not repeated.
    /// * It must be called, and the store used, within a tokio runtime. The client runs one task there for each
    ///   connection; it ends with the last clone of the store.
    /// * Dropped: nothing is left behind.
    ///
    /// # Errors
    ///
    /// * [`InvalidConfig`](stitchapi_core::StoreErrorKind::InvalidConfig): `url` is none, or asks for TLS without the
    ///   feature.
    /// * [`Unavailable`](stitchapi_core::StoreErrorKind::Unavailable): the server cannot be reached, or is not ready.
    /// * [`Denied`](stitchapi_core::StoreErrorKind::Denied): it wants another user or another password.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime; with `rediss://`, if the program has no crypto provider of rustls.
    #[cfg(feature = "redis-rs")]
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let link = crate::client::Link::open(url).await.map_err(|failure| failure.of("connect"))?;
        Ok(Self::new(link))
    }

    /// The same client, seen through another prefix.
    #[must_use]
    pub fn with_prefix(&self, prefix: Prefix) -> Self {
        Self { prefix, ..self.clone() }
    }

    /// Runs a script on a key.
    pub(crate) async fn run(&self, script: &Script, key: &Key, arguments: &Arguments<'_>) -> Result<Reply, Failure> {
        script.run(&*self.client, &self.text(key)?, arguments).await
    }

    /// Sends a command on a key.
    async fn send(&self, command: &str, key: &Key) -> Result<Reply, Failure> {
        Ok(self.client.command(&[command.as_bytes(), self.text(key)?.as_bytes()]).await?)
    }

    /// The value under a key, as it is stored.
    pub(crate) async fn stored(&self, key: &Key) -> Result<Option<Bytes>, Failure> {
        match self.send("GET", key).await? {
            Reply::Nil => Ok(None),
            Reply::Bytes(value) => Ok(Some(value)),
            _ => Err(Failure::OddReply),
        }
    }

    /// The text of `key`, if it is not too long.
    fn text(&self, key: &Key) -> Result<String, Failure> {
        if key.rendered_len() > MAX_KEY { Err(Failure::LongKey) } else { Ok(key.render(&self.prefix)) }
    }
}

/// Refuses a value that is too long.
pub(crate) fn check_value(value: &Bytes) -> Result<(), Failure> {
    if value.len() > MAX_VALUE { Err(Failure::LongValue) } else { Ok(()) }
}

#[async_trait]
impl StitchStore for RedisStore {
    fn name(&self) -> &'static str {
        STORE
    }
    fn limits(&self) -> StoreLimits {
        StoreLimits::unlimited().with_sizes(MAX_KEY, MAX_VALUE).with_volatile()
    }
    async fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        plain::get(self, key).await.map_err(|failure| failure.of("get"))
    }
    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        check_ttl(ttl, STORE, "set")?;
        plain::set(self, key, &value, ttl).await.map_err(|failure| failure.of("set"))
    }
    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.send("DEL", key).await.map(drop).map_err(|failure| failure.of("delete"))
    }
    fn counter(self: Arc<Self>) -> Option<Arc<dyn Counter>> {
        Some(self)
    }
    fn pacer(self: Arc<Self>) -> Option<Arc<dyn Pacer>> {
        Some(self)
    }
    fn leases(self: Arc<Self>) -> Option<Arc<dyn Leases>> {
        Some(self)
    }
    fn versioned(self: Arc<Self>) -> Option<Arc<dyn Versioned>> {
        Some(self)
    }
}

/// Without the client, which may hold a password.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
