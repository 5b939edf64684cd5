//! The connection of `RedisStore::connect`.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ErrorKind, IntoConnectionInfo as _, RedisError, ServerErrorKind};

use stitchapi_core::Tick;

use super::redis_rs::send;
use super::{ClientError, RedisClient, Reply};
use crate::error::Failure;

/// How long a connection may take to be there, login included.
const CONNECT: Duration = Duration::from_secs(1);
/// How long an answer may take: below the 250 ms after which the library stops waiting.
const ANSWER: Duration = Duration::from_millis(200);
/// How long the other machine may not take what was sent to it, until the connection is given up.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const SILENCE: Duration = Duration::from_secs(2);

/// One connection for all that a store does, replaced when it is of no use any more.
///
/// Unlike the crate's `ConnectionManager` it also leaves a primary that was demoted, looks the address up again, tries
/// again after a refused login, and answers no call with the failure of an attempt made long before it. No task of
/// ours: the first call that needs a connection makes it, and the others wait for the same one. Nothing is sent twice.
pub(crate) struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    current: Mutex<Arc<Attempt>>,
}

/// A connection that is there, or being made by whoever waits for it, or failed.
struct Attempt {
    connection: Shared<BoxFuture<'static, Result<MultiplexedConnection, RedisError>>>,
    began: OnceLock<Tick>,
}

impl Attempt {
    fn new(client: &Client, config: &AsyncConnectionConfig) -> Arc<Self> {
        let (client, config) = (client.clone(), config.clone());
        let connecting = async move { client.get_multiplexed_async_connection_with_config(&config).await };
        Arc::new(Self { connection: connecting.boxed().shared(), began: OnceLock::new() })
    }

    /// Whether everybody who waited for it went away before its end, and that was long ago: it would only time out.
    fn is_abandoned(&self, now: Tick) -> bool {
        let old = self.began.get().is_some_and(|began| now.since(*began) > CONNECT);
        old && self.connection.peek().is_none()
    }
}

impl Link {
    /// Connects, or says why that did not succeed.
    pub(crate) async fn open(url: &str) -> Result<Self, Failure> {
        let info = url.into_connection_info().map_err(|error| {
            let tls = url.starts_with("rediss:") || url.starts_with("valkeys:");
            if tls && cfg!(not(feature = "tls-rustls")) {
                Failure::NoTls(error.into())
            } else {
                Failure::Address(error.into())
            }
        })?;
        // Without it an answer waits for the peer's delayed acknowledgement; the client's own default is off.
        let tcp = TcpSettings::default().set_nodelay(true);
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        let tcp = tcp.set_user_timeout(SILENCE);
        let client = Client::open(info.set_tcp_settings(tcp)).map_err(ClientError::from)?;
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER));
        let current = Mutex::new(Attempt::new(&client, &config));
        let link = Self { client, config, current };
        link.connection(&link.current()).await?;
        // A server that wants a password, or is not ready, says so only when it is asked for something.
        match link.command(&[b"PING"]).await {
            Err(ClientError::Server { line, .. }) if line.starts_with("NOPERM") => Ok(link),
            pinged => Ok(pinged.map(|_| link)?),
        }
    }

    /// The attempt that a command which comes now takes part in.
    fn current(&self) -> Arc<Attempt> {
        let now = Tick::of_boot_clock();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_abandoned(now) {
            *current = Attempt::new(&self.client, &self.config);
        }
        current.began.get_or_init(|| now);
        current.clone()
    }

    /// The connection of `attempt`. Nothing was sent yet, so a connection that did not come in time is just not there.
    async fn connection(&self, attempt: &Arc<Attempt>) -> Result<MultiplexedConnection, ClientError> {
        attempt.connection.clone().await.map_err(|error| {
            self.replace(attempt);
            match ClientError::from(error) {
                ClientError::Timeout(source) => ClientError::Connection(source),
                other => other,
            }
        })
    }

    /// Makes the next command connect anew, unless another call has seen to that.
    fn replace(&self, attempt: &Arc<Attempt>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, attempt) {
            *current = Attempt::new(&self.client, &self.config);
        }
    }
}

/// Whether a connection that answers so is of no use any more.
fn is_lost(error: &RedisError) -> bool {
    let demoted = [ServerErrorKind::ReadOnly, ServerErrorKind::MasterDown].map(ErrorKind::Server);
    error.is_unrecoverable_error() || demoted.contains(&error.kind())
}

#[async_trait]
impl RedisClient for Link {
    async fn command(&self, words: &[&[u8]]) -> Result<Reply, ClientError> {
        let attempt = self.current();
        let mut connection = self.connection(&attempt).await?;
        match send(&mut connection, words).await {
            Ok(value) => Ok(value.into()),
            Err(error) => {
                if is_lost(&error) {
                    self.replace(&attempt);
                }
                Err(error.into())
            }
        }
    }
}
