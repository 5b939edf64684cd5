//! The connection of `RedisStore::connect`: it is replaced when it is lost.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ErrorKind, IntoConnectionInfo as _, RedisError, ServerErrorKind};
use stitchapi_core::Tick;

use super::command::{RedisClient, Reply};
use super::error::ClientError;
use super::redis_rs::send;

/// Longest time to connect, including the login.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest time until a reply, below the 250 ms after which the library stops waiting.
const REPLY_TIMEOUT: Duration = Duration::from_millis(200);
/// Longest time for which the server may not acknowledge sent data, before the connection is given up.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(2);

/// Client with one connection for all commands, which is replaced when it is lost.
///
/// Unlike the `ConnectionManager` of the `redis` crate it also leaves a primary that was demoted, resolves the address
/// again, tries again after a refused login, and fails no command because of an attempt that was made long before it
/// (decision 4). It spawns no task: the first command that needs a connection connects, and the others wait for the same
/// attempt. No command is sent twice.
pub(crate) struct ReconnectingClient {
    client: Client,
    config: AsyncConnectionConfig,
    current: Mutex<Arc<Attempt>>,
}

/// Attempt to connect. The commands that wait for it drive it; it may be in progress, connected or failed.
struct Attempt {
    connection: Shared<BoxFuture<'static, Result<MultiplexedConnection, RedisError>>>,
    began: OnceLock<Tick>,
}

/// Failure of [`ReconnectingClient::open`].
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The address is malformed.
    Address(ClientError),
    /// The address asks for TLS, and the crate was built without it.
    NoTls(ClientError),
    /// The server cannot be reached, or refused the login.
    Connect(ClientError),
}

impl Attempt {
    fn new(client: &Client, config: &AsyncConnectionConfig) -> Arc<Self> {
        let (client, config) = (client.clone(), config.clone());
        let connecting = async move { client.get_multiplexed_async_connection_with_config(&config).await };
        Arc::new(Self { connection: connecting.boxed().shared(), began: OnceLock::new() })
    }

    /// Returns `true` if the attempt began long ago and is not finished: the commands that drove it were dropped, and it
    /// would only time out.
    fn is_abandoned(&self, now: Tick) -> bool {
        let is_old = self.began.get().is_some_and(|began| now.since(*began) > CONNECT_TIMEOUT);
        is_old && self.connection.peek().is_none()
    }
}

impl ReconnectingClient {
    /// Connects to the server at `url` and sends it a `PING`.
    pub(crate) async fn open(url: &str) -> Result<Self, OpenError> {
        let info = url.into_connection_info().map_err(|error| {
            let is_tls = url.starts_with("rediss:") || url.starts_with("valkeys:");
            if is_tls && cfg!(not(feature = "tls-rustls")) {
                OpenError::NoTls(error.into())
            } else {
                OpenError::Address(error.into())
            }
        })?;
        // Without it a reply waits for the delayed acknowledgement of the peer. The client's default is off.
        let tcp = TcpSettings::default().set_nodelay(true);
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        let tcp = tcp.set_user_timeout(UNACKNOWLEDGED_TIMEOUT);
        let client = Client::open(info.set_tcp_settings(tcp)).map_err(|error| OpenError::Connect(error.into()))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(REPLY_TIMEOUT));
        let current = Mutex::new(Attempt::new(&client, &config));
        let this = Self { client, config, current };
        this.connection(&this.current()).await.map_err(OpenError::Connect)?;
        // A server that requires a password, or is still loading, reports that only in reply to a command.
        match this.command(&[b"PING"]).await {
            Err(ClientError::Server { line, .. }) if line.starts_with("NOPERM") => Ok(this),
            Err(error) => Err(OpenError::Connect(error)),
            Ok(_) => Ok(this),
        }
    }

    /// Returns the attempt that a new command takes part in.
    fn current(&self) -> Arc<Attempt> {
        let now = Tick::of_boot_clock();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_abandoned(now) {
            *current = Attempt::new(&self.client, &self.config);
        }
        current.began.get_or_init(|| now);
        current.clone()
    }

    /// Waits for the connection of `attempt`. A timeout is reported as a missing connection, because nothing was sent yet.
    async fn connection(&self, attempt: &Arc<Attempt>) -> Result<MultiplexedConnection, ClientError> {
        attempt.connection.clone().await.map_err(|error| {
            self.replace(attempt);
            match ClientError::from(error) {
                ClientError::Timeout(source) => ClientError::Connection(source),
                other => other,
            }
        })
    }

    /// Lets the next command connect again, unless another command has replaced `attempt` already.
    fn replace(&self, attempt: &Arc<Attempt>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, attempt) {
            *current = Attempt::new(&self.client, &self.config);
        }
    }
}

/// Returns `true` if a connection with this error is of no further use: it broke, or its server was demoted.
fn is_lost(error: &RedisError) -> bool {
    let demoted = [ServerErrorKind::ReadOnly, ServerErrorKind::MasterDown].map(ErrorKind::Server);
    error.is_unrecoverable_error() || demoted.contains(&error.kind())
}

#[async_trait]
impl RedisClient for ReconnectingClient {
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
