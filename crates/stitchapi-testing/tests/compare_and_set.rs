//! The clauses `*/contended` fail a store on a real Redis server whose updates are a compare-and-set with retries, and pass
//! it if the update takes a lock after some lost races.
//!
//! On such a store the read and the write are trips to a server, so a lost race depends on when its replies arrive.
#![cfg(all(feature = "redis-server", feature = "tokio"))]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redis::aio::ConnectionManager;
use redis::{RedisError, Script};
use stitchapi_core::{
    BoxFuture, CellStore, Cells, Change, Key, Prefix, StitchStore, StoreError, StoreErrorKind, StoreLimits, StoreTime,
};
use stitchapi_testing::{Clause, ContractOptions, RedisServer, TokioRuntime, verify_store_contract};

/// Number of lost races after which an update takes the lock.
const LOST_RACES: usize = 8;

/// Stores `ARGV[2]` for `ARGV[3]` milliseconds (0: no ttl) if the value is still `ARGV[1]` and no other update holds the lock
/// `KEYS[2]`; `ARGV[4]` is the name of this update. Absent and empty are the same. Releases the lock of this update.
const COMPARE_AND_SET: &str = "
local holder = redis.call('GET', KEYS[2]) or ARGV[4]
if holder ~= ARGV[4] then return 0 end
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1])
elseif ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
redis.call('DEL', KEYS[2])
return 1";

/// Every update is a compare-and-set, repeated until it wins.
struct CompareAndSet {
    connection: ConnectionManager,
    script: Script,
    /// Whether an update that keeps losing takes a lock.
    takes_lock: bool,
    updates: AtomicUsize,
    /// Number of this client.
    client: usize,
}

impl std::fmt::Debug for CompareAndSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CompareAndSet")
    }
}

impl CompareAndSet {
    async fn connect(server: String, client: usize, takes_lock: bool) -> Self {
        let redis = redis::Client::open(server).expect("the server's address is valid");
        let connection = ConnectionManager::new(redis).await.expect("the server accepts connections");
        Self { connection, script: Script::new(COMPARE_AND_SET), takes_lock, updates: AtomicUsize::new(0), client }
    }
}

fn error(error: RedisError) -> StoreError {
    let kind = if error.is_timeout() { StoreErrorKind::Timeout } else { StoreErrorKind::Unavailable };
    StoreError::new(kind, "compare-and-set", "update").with_source(error)
}

impl Cells for CompareAndSet {
    async fn update<R, F>(&self, key: &Key, step: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static,
    {
        let (mut connection, key) = (self.connection.clone(), key.render(&Prefix::default()));
        let lock = format!("{key}/lock");
        let name = format!("{}/{}", self.client, self.updates.fetch_add(1, Ordering::Relaxed));
        for lost_races in 0.. {
            if self.takes_lock && lost_races >= LOST_RACES {
                let mut acquire = redis::cmd("SET");
                // It expires if the update ends without a write.
                acquire.arg(&lock).arg(&name).arg("NX").arg("PX").arg(5000);
                acquire.exec_async(&mut connection).await.map_err(error)?;
            }
            let mut read = redis::pipe();
            read.cmd("TIME").cmd("GET").arg(&key);
            let ((seconds, micros), old): ((u64, u64), Option<Vec<u8>>) =
                read.query_async(&mut connection).await.map_err(error)?;
            let (change, reply) = step(old.as_deref(), StoreTime(seconds * 1_000_000 + micros));
            let (new, ttl) = match change {
                Change::Keep => return Ok(reply),
                Change::Put(value, ttl) => (value.to_vec(), ttl.map_or(0, |ttl| ttl.as_millis().clamp(1, 1 << 50))),
                Change::Delete => (Vec::new(), 0),
            };
            let mut write = self.script.prepare_invoke();
            write.key(&key).key(&lock);
            write.arg(old.unwrap_or_default()).arg(new).arg(ttl.to_string()).arg(&name);
            if write.invoke_async(&mut connection).await.map_err(error)? {
                return Ok(reply);
            }
        }
        unreachable!("the loop ends with an update that wins")
    }
}

impl CellStore for CompareAndSet {
    fn store_name(&self) -> &'static str {
        "compare-and-set"
    }
    fn store_limits(&self) -> StoreLimits {
        StoreLimits::unlimited()
    }
}

/// Runs the kit and returns the clauses of contention that the store violates.
fn violated(takes_lock: bool) -> Option<BTreeSet<&'static str>> {
    let server = RedisServer::start(&[])?;
    let (runtime, url, clients) = (TokioRuntime::new(), server.url(), AtomicUsize::new(0));
    let options = ContractOptions::new(Arc::new(runtime.clone()));
    let make = move || -> BoxFuture<'static, Arc<dyn StitchStore>> {
        let (url, client) = (url.clone(), clients.fetch_add(1, Ordering::Relaxed));
        Box::pin(async move { Arc::new(CompareAndSet::connect(url, client, takes_lock).await) as _ })
    };
    let report = runtime.block_on(verify_store_contract(make, options));
    println!("{report}");
    Some(report.violated().map(|(clause, _)| clause.id()).filter(|id| id.ends_with("/contended")).collect())
}

#[test]
fn a_compare_and_set_on_a_server_fails_every_clause_of_contention() {
    let Some(violated) = violated(false) else { return };
    let contended: BTreeSet<_> = Clause::all().iter().map(Clause::id).filter(|id| id.ends_with("/contended")).collect();
    assert_eq!(violated, contended);
}

#[test]
fn a_compare_and_set_that_takes_a_lock_after_8_lost_races_passes_every_clause_of_contention() {
    let Some(violated) = violated(true) else { return };
    assert_eq!(violated, BTreeSet::new());
}
