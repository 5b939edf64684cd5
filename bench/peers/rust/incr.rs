//! The cheapest shared counter: one script per permit with `INCR` and a ttl. A fixed window, so not exact.

use std::error::Error;
use std::time::Duration;

use redis::Script;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;

use crate::arguments::WorkerArgs;
use crate::limiter::Limiter;

/// Counts a permit. Returns the count and, above the budget, the milliseconds until the window ends.
const SCRIPT: &str = "
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], 1000) return {1, 1000} end
if count <= tonumber(ARGV[1]) then return {count, 0} end
return {count, redis.call('PTTL', KEYS[1])}";

/// Counter in Redis, with a window of one second.
pub struct Incr {
    manager: ConnectionManager,
    script: Script,
    key: String,
    budget: u32,
}

/// Connects with `TCP_NODELAY`, as StitchAPI's store does.
pub async fn manager(url: &str) -> Result<ConnectionManager, Box<dyn Error>> {
    let info = redis::IntoConnectionInfo::into_connection_info(url)?;
    let client = redis::Client::open(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))?;
    Ok(ConnectionManager::new_with_config(client, ConnectionManagerConfig::new()).await?)
}

impl Limiter for Incr {
    async fn start(arguments: &WorkerArgs) -> Result<Self, Box<dyn Error>> {
        let manager = manager(&arguments.url).await?;
        Ok(Self { manager, script: Script::new(SCRIPT), key: arguments.key.clone(), budget: arguments.budget })
    }

    async fn permit(&self) {
        loop {
            let mut connection = self.manager.clone();
            let reply = self.script.key(&self.key).arg(self.budget).invoke_async(&mut connection).await;
            let (count, left): (u32, i64) = reply.expect("the server replies");
            if count <= self.budget {
                return;
            }
            tokio::time::sleep(Duration::from_millis(left.max(1).unsigned_abs())).await;
        }
    }
}
