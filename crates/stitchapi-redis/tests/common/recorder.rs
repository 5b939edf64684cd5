//! A client that keeps the last reply of the server.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use stitchapi_core::StoreTime;
use stitchapi_redis::{ClientError, RedisClient, Reply};

/// Client that keeps the last reply.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    connection: MultiplexedConnection,
    last: Arc<Mutex<Option<Reply>>>,
}

impl Recorder {
    pub(crate) async fn connect(url: &str) -> Self {
        let client = redis::Client::open(url).unwrap();
        let connection = client.get_multiplexed_async_connection().await.unwrap();
        Self { connection, last: Arc::default() }
    }

    pub(crate) fn raw(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// Returns the server's time in the last script: the first element of its reply.
    pub(crate) fn now(&self) -> StoreTime {
        match self.last.lock().unwrap().as_ref() {
            Some(Reply::Array(reply)) => match reply.first() {
                Some(Reply::Int(now)) => StoreTime(u64::try_from(*now).unwrap()),
                other => panic!("the reply begins with {other:?} instead of a time"),
            },
            other => panic!("{other:?} is not the reply of a script"),
        }
    }
}

#[async_trait]
impl RedisClient for Recorder {
    async fn command(&self, words: &[&[u8]]) -> Result<Reply, ClientError> {
        let reply = self.connection.command(words).await?;
        *self.last.lock().unwrap() = Some(reply.clone());
        Ok(reply)
    }
}
