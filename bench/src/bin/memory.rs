//! Memory in bytes: of a waiting caller beside `governor` and a sleeping task, of an idle bucket, and of what remains of
//! expired buckets. A separate process, because its allocator counts every allocation.

use std::alloc::System;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::{Quota, RateLimiter};
use measure::figures::{format_figure, table};
use measure::server::Server;
use measure::transport::InstantTransport;
use rusqlite::Connection;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use stitchapi::{OutagePolicy, Rate, Seam, SeamBuilder, Throttle};
use stitchapi_redis::RedisStore;
use stitchapi_sqlite::SqliteStore;
use tokio::task::JoinHandle;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Waiting callers.
const WAITERS: usize = 10_000;
/// Idle buckets.
const IDLE_BUCKETS: u64 = 100_000;
/// Expired buckets, in process and on Redis.
const EXPIRED_BUCKETS: u64 = 1_000_000;
/// Expired buckets on SQLite. Fewer, because each of them needs a transaction.
const EXPIRED_ROWS: u64 = 100_000;
/// Tasks that take permits of the buckets at once.
const TASKS: usize = 50;
/// Time that a caller waits at most: longer than the benchmark.
const MAX_WAIT: Duration = Duration::from_secs(100_000);

type Failable<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the runtime can be built");
    match runtime.block_on(measure()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Failable<()> {
    let mut redis = Server::start("STITCHAPI_REDIS_SERVER")?;
    waiting(&redis).await?;
    idle(&redis).await?;
    redis.flush()?;
    expired(&mut redis).await
}

/// Returns the number of allocated bytes.
fn allocated_bytes() -> f64 {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated as f64 - stats.bytes_deallocated as f64
}

/// Measures the bytes per waiting caller, of 10,000 callers with a task each.
async fn waiting(redis: &Server) -> Failable<()> {
    let slow = || seam().throttle(Throttle::rate(Rate::per_second(1))).deadline(MAX_WAIT);
    let (in_process, on_redis) = (slow().build()?, slow().store(RedisStore::connect(&redis.url()).await?).build()?);
    let mut rows = Vec::new();
    for (name, seam) in [("`Seam::permit`, no store", in_process), ("`Seam::permit`, on Redis", on_redis)] {
        drop(seam.permit(1).await?);
        let future = size_of_val(&seam.permit(1));
        let each = bytes_per_waiter(|| {
            let seam = seam.clone();
            async move { drop(seam.permit(1).await) }
        });
        rows.push(vec![name.to_owned(), format_figure(each.await), future.to_string()]);
    }
    let governor = Arc::new(RateLimiter::direct(Quota::with_period(MAX_WAIT).ok_or("the quota is not valid")?));
    governor.until_ready().await;
    let future = size_of_val(&governor.until_ready());
    let each = bytes_per_waiter(|| {
        let governor = governor.clone();
        async move { governor.until_ready().await }
    });
    rows.push(vec!["`governor` `until_ready`".to_owned(), format_figure(each.await), future.to_string()]);
    let each = bytes_per_waiter(|| tokio::time::sleep(MAX_WAIT)).await;
    rows.push(vec!["a task that sleeps".to_owned(), format_figure(each), size_of::<tokio::time::Sleep>().to_string()]);
    table("Memory of a waiting caller, of 10,000", &["waiter", "bytes, task included", "bytes of the future"], &rows);
    Ok(())
}

/// Spawns the waiters, waits until all of them wait, and returns the bytes per waiter.
async fn bytes_per_waiter<F: Future<Output = ()> + Send + 'static>(wait: impl Fn() -> F) -> f64 {
    let mut tasks: Vec<JoinHandle<()>> = Vec::with_capacity(WAITERS);
    let before = allocated_bytes();
    tasks.extend((0..WAITERS).map(|_| tokio::spawn(wait())));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let each = (allocated_bytes() - before) / WAITERS as f64;
    for task in tasks {
        task.abort();
        let _ = task.await;
    }
    each
}

/// Measures the bytes per idle bucket, of 100,000 buckets that are not full for an hour and are therefore kept.
async fn idle(redis: &Server) -> Failable<()> {
    // On a busy machine a reply may be late. The maximum lateness is long, because a missed slot would cost an hour
    // here.
    let hourly = Throttle::rate(Rate::per_hour(1)).initial_delay(Duration::ZERO).max_lateness(Duration::from_secs(60));
    let hourly = hourly.on_outage(OutagePolicy::Open);
    let hourly = || seam().throttle(hourly.clone().per_principal());
    let (in_process, on_redis) = (hourly().build()?, hourly().store(RedisStore::connect(&redis.url()).await?).build()?);
    let (mut rows, without) = (Vec::new(), allocated_bytes());
    for (name, seam) in [("no store", in_process), ("on Redis", on_redis)] {
        drop(seam.as_principal("warm-up").permit(1).await?);
        let before = allocated_bytes();
        use_each(&seam, IDLE_BUCKETS).await?;
        rows.push(vec![name.to_owned(), format_figure((allocated_bytes() - before) / IDLE_BUCKETS as f64)]);
    }
    // The dropped seams' buckets are freed before the next measurement begins.
    wait_until_freed(without + IDLE_BUCKETS as f64).await;
    table("Memory of an idle bucket in the process, of 100,000, its principal included", &["store", "bytes"], &rows);
    Ok(())
}

/// Measures the memory that remains of buckets that are full again, and therefore forgotten, after 100 ms.
async fn expired(redis: &mut Server) -> Failable<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bench.db");
    let short_lived = || seam().throttle(Throttle::rate("10/s").initial_delay(Duration::ZERO).per_principal());
    let mut rows = Vec::new();

    let row = remaining("no store", EXPIRED_BUCKETS, short_lived().build()?).await?;
    rows.push([row, vec![String::new()]].concat());

    let empty = redis.bytes()?;
    let store = RedisStore::connect(&redis.url()).await?;
    let row = remaining("on Redis", EXPIRED_BUCKETS, short_lived().store(store).build()?).await?;
    let (keys, expiring) = redis.keys()?;
    let each = (redis.bytes()? - empty) / keys;
    let in_store = format!(
        "{} keys of {} bytes, {} with a ttl",
        format_figure(keys),
        format_figure(each),
        format_figure(expiring)
    );
    rows.push([row, vec![in_store]].concat());

    let row = remaining("on SQLite", EXPIRED_ROWS, short_lived().store(SqliteStore::open(&path)?).build()?).await?;
    let file = Connection::open(&path)?;
    let count = |filter: &str| {
        file.query_row(&format!("SELECT count(*) FROM stitchapi {filter}"), [], |row| row.get::<_, f64>(0))
    };
    let (all, expiring) = (count("")?, count("WHERE ends IS NOT NULL AND sweep IS NOT NULL")?);
    // All rows are set to expired, as after an hour. Each later write deletes some of the expired rows.
    file.execute("UPDATE stitchapi SET ends = 1, sweep = 1", [])?;
    let writer = short_lived().store(SqliteStore::open(&path)?).build()?;
    use_each(&writer, EXPIRED_ROWS / 3).await?;
    let expired = count("WHERE ends = 1")?;
    let in_store = format!(
        "{} rows, {} with an expiry; {} remain after they have expired",
        format_figure(all),
        format_figure(expiring),
        format_figure(expired)
    );
    rows.push([row, vec![in_store]].concat());

    let head = ["store", "buckets", "maximum, MB", "remaining after some seconds, bytes per bucket", "in the store"];
    table("Buckets of principals that make no further call", &head, &rows);
    Ok(())
}

/// Uses each bucket once and waits until the process has freed it. Returns the row with the maximum and the rest.
async fn remaining(name: &str, buckets: u64, seam: Seam) -> Failable<Vec<String>> {
    drop(seam.as_principal("warm-up").permit(1).await?);
    let before = allocated_bytes();
    let max = use_each(&seam, buckets).await? - before;
    let after = wait_until_freed(before + buckets as f64).await - before;
    let each = format!("{:.2}", after / buckets as f64);
    Ok(vec![name.to_owned(), format_figure(buckets as f64), format_figure(max / 1e6), each])
}

/// Waits up to 10 s until fewer than `target` bytes are allocated. Returns the number of allocated bytes.
async fn wait_until_freed(target: f64) -> f64 {
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if allocated_bytes() < target {
            break;
        }
    }
    allocated_bytes()
}

/// Takes one permit of each principal. Returns the maximum number of bytes that were allocated meanwhile.
async fn use_each(seam: &Seam, principals: u64) -> Failable<f64> {
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<JoinHandle<stitchapi::Result<f64>>> = (0..TASKS)
        .map(|_| {
            let (seam, next) = (seam.clone(), next.clone());
            tokio::spawn(async move {
                let mut max = 0.0_f64;
                loop {
                    let principal = next.fetch_add(1, Ordering::Relaxed);
                    if principal >= principals {
                        return Ok(max);
                    }
                    let seam = seam.as_principal(principal.to_string());
                    drop(seam.permit(1).await?);
                    if principal % 1_000 == 0 {
                        max = max.max(allocated_bytes());
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    let mut max = 0.0_f64;
    for task in tasks {
        max = max.max(task.await??);
    }
    Ok(max)
}

/// Returns the builder of a seam whose calls succeed at once.
fn seam() -> SeamBuilder {
    Seam::builder("https://api.example.com").transport(InstantTransport)
}
