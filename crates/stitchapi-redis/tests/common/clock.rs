//! A client in which the server's time is set back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use stitchapi_redis::{ClientError, RedisClient, Reply};

/// Client that subtracts seconds from the time that scripts read. Clones share the seconds.
///
/// It stands for a server whose clock was set back, which a test cannot do: libfaketime does not run with the allocator of
/// Redis. Expiry by the server keeps the real clock.
#[derive(Debug, Clone)]
pub(crate) struct SetBackClient {
    connection: MultiplexedConnection,
    seconds: Arc<AtomicU64>,
}

impl SetBackClient {
    pub(crate) async fn connect(url: &str) -> Self {
        let client = redis::Client::open(url).unwrap();
        let connection = client.get_multiplexed_async_connection().await.unwrap();
        Self { connection, seconds: Arc::default() }
    }

    pub(crate) fn set_back(&self, by: Duration) {
        self.seconds.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

#[async_trait]
impl RedisClient for SetBackClient {
    async fn command(&self, words: &[&[u8]]) -> Result<Reply, ClientError> {
        match words {
            // The store then sends the text of the script.
            [b"EVALSHA", ..] => {
                let line = "NOSCRIPT No matching script.".to_owned();
                Err(ClientError::Server { source: line.clone().into(), line })
            }
            [command @ b"EVAL", text, rest @ ..] => {
                let seconds = self.seconds.load(Ordering::Relaxed);
                let text = std::str::from_utf8(text).unwrap().replace("redis.call('TIME')", "set_back_time()");
                let text = format!(
                    "local function set_back_time() local time = redis.call('TIME') \
                     return {{ time[1] - {seconds}, time[2] }} end\n{text}"
                );
                self.connection.command(&[&[*command, text.as_bytes()], rest].concat()).await
            }
            _ => self.connection.command(words).await,
        }
    }
}
