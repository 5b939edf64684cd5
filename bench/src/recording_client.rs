//! A Redis client that counts and records the commands of a store, so that a benchmark can send them again.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use redis::IntoConnectionInfo as _;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use stitchapi_redis::{ClientError, RedisClient, Reply};

/// Redis client that counts commands and records one on request.
pub struct RecordingClient {
    manager: ConnectionManager,
    commands: AtomicU64,
    /// `true` records the next command.
    record_next: AtomicBool,
    recorded: Mutex<Vec<Vec<u8>>>,
}

impl RecordingClient {
    /// Connects with `TCP_NODELAY`.
    pub async fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let info = url.into_connection_info()?.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = redis::Client::open(info)?;
        let manager = ConnectionManager::new_with_config(client, ConnectionManagerConfig::new()).await?;
        Ok(Self {
            manager,
            commands: AtomicU64::new(0),
            record_next: AtomicBool::new(false),
            recorded: Mutex::default(),
        })
    }

    /// Returns the number of commands that a store has sent.
    pub fn commands(&self) -> u64 {
        self.commands.load(Ordering::Relaxed)
    }

    /// Records the next command that a store sends.
    pub fn record_next(&self) {
        self.record_next.store(true, Ordering::Relaxed);
    }

    /// Returns the words of the recorded command.
    pub fn recorded(&self) -> Vec<Vec<u8>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a command on the same connection without counting or recording it.
    pub async fn send_uncounted(&self, words: &[Vec<u8>]) -> Result<Reply, ClientError> {
        let words: Vec<&[u8]> = words.iter().map(|word| &**word).collect();
        self.manager.command(&words).await
    }
}

#[async_trait]
impl RedisClient for RecordingClient {
    async fn command(&self, words: &[&[u8]]) -> Result<Reply, ClientError> {
        self.commands.fetch_add(1, Ordering::Relaxed);
        if self.record_next.load(Ordering::Relaxed) && self.record_next.swap(false, Ordering::Relaxed) {
            let words = words.iter().map(|word| word.to_vec()).collect();
            *self.recorded.lock().unwrap_or_else(PoisonError::into_inner) = words;
        }
        self.manager.command(words).await
    }
}
