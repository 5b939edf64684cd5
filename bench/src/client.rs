//! A client through which one can see what a store sends, and send it again as it is.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use redis::IntoConnectionInfo as _;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use stitchapi_redis::{ClientError, RedisClient, Reply};

/// A client that counts, and keeps a command if it is told to.
pub struct Watched {
    manager: ConnectionManager,
    commands: AtomicU64,
    keeps: AtomicBool,
    kept: Mutex<Vec<Vec<u8>>>,
}

impl Watched {
    pub async fn connect(url: &str) -> Result<Self, Box<dyn Error>> {
        let info = url.into_connection_info()?.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = redis::Client::open(info)?;
        let manager = ConnectionManager::new_with_config(client, ConnectionManagerConfig::new()).await?;
        Ok(Self { manager, commands: AtomicU64::new(0), keeps: AtomicBool::new(false), kept: Mutex::default() })
    }

    /// How many commands were sent for a store.
    pub fn commands(&self) -> u64 {
        self.commands.load(Ordering::Relaxed)
    }

    /// Keeps the next command that is sent for a store.
    pub fn keep(&self) {
        self.keeps.store(true, Ordering::Relaxed);
    }

    /// The command that was kept.
    pub fn kept(&self) -> Vec<Vec<u8>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a command past all that, by the same client.
    pub async fn bare(&self, words: &[Vec<u8>]) -> Result<Reply, ClientError> {
        let words: Vec<&[u8]> = words.iter().map(|word| &**word).collect();
        self.manager.command(&words).await
    }
}

#[async_trait]
impl RedisClient for Watched {
    async fn command(&self, words: &[&[u8]]) -> Result<Reply, ClientError> {
        self.commands.fetch_add(1, Ordering::Relaxed);
        if self.keeps.load(Ordering::Relaxed) && self.keeps.swap(false, Ordering::Relaxed) {
            let words = words.iter().map(|word| word.to_vec()).collect();
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = words;
        }
        self.manager.command(words).await
    }
}
