//! What waiting callers and buckets take, in a process in which every allocation is counted, and what is left of buckets
//! that have had their time.

use std::alloc::System;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::{Quota, RateLimiter};
use measure::figures::{shown, table};
use measure::server::Server;
use measure::transport::Instantly;
use rusqlite::Connection;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use stitchapi::{OutagePolicy, Rate, Seam, SeamBuilder, Throttle};
use stitchapi_redis::RedisStore;
use stitchapi_sqlite::SqliteStore;
use tokio::task::JoinHandle;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const WAITERS: usize = 10_000;
const IDLE: u64 = 100_000;
const MANY: u64 = 1_000_000;
/// On SQLite each is a transaction, and so there are fewer.
const ROWS: u64 = 100_000;
/// How many take permits of the many buckets at once.
const TASKS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(100_000);

type Failable<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
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
    redis.forget()?;
    expired(&mut redis).await
}

/// Bytes that are allocated now.
fn bytes() -> f64 {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated as f64 - stats.bytes_deallocated as f64
}

/// Ten thousand who wait, on a task each.
async fn waiting(redis: &Server) -> Failable<()> {
    let slow = || seam().throttle(Throttle::rate(Rate::per_second(1))).deadline(PATIENCE);
    let (here, there) = (slow().build()?, slow().store(RedisStore::connect(&redis.url()).await?).build()?);
    let mut rows = Vec::new();
    for (what, seam) in [("`Seam::permit`, no store", here), ("`Seam::permit`, on Redis", there)] {
        drop(seam.permit(1).await?);
        let future = size_of_val(&seam.permit(1));
        let each = each_waiting(|| {
            let seam = seam.clone();
            async move { drop(seam.permit(1).await) }
        });
        rows.push(vec![what.to_owned(), shown(each.await), future.to_string()]);
    }
    let governor = Arc::new(RateLimiter::direct(Quota::with_period(PATIENCE).ok_or("a quota")?));
    governor.until_ready().await;
    let future = size_of_val(&governor.until_ready());
    let each = each_waiting(|| {
        let governor = governor.clone();
        async move { governor.until_ready().await }
    });
    rows.push(vec!["`governor` `until_ready`".to_owned(), shown(each.await), future.to_string()]);
    let each = each_waiting(|| tokio::time::sleep(PATIENCE)).await;
    rows.push(vec!["a task that sleeps".to_owned(), shown(each), size_of::<tokio::time::Sleep>().to_string()]);
    table("Memory of one who waits, of 10,000", &["", "bytes, task included", "of that the future"], &rows);
    Ok(())
}

async fn each_waiting<F: Future<Output = ()> + Send + 'static>(one: impl Fn() -> F) -> f64 {
    let mut tasks: Vec<JoinHandle<()>> = Vec::with_capacity(WAITERS);
    let before = bytes();
    tasks.extend((0..WAITERS).map(|_| tokio::spawn(one())));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let each = (bytes() - before) / WAITERS as f64;
    for task in tasks {
        task.abort();
        let _ = task.await;
    }
    each
}

/// A hundred thousand buckets that are not full again for an hour, and so are kept.
async fn idle(redis: &Server) -> Failable<()> {
    // On a busy machine an answer may be late, and a slot that is not used in time costs an hour here.
    let hourly = Throttle::rate(Rate::per_hour(1)).fresh_start(Duration::ZERO).guard(Duration::from_secs(60));
    let hourly = hourly.on_outage(OutagePolicy::Open);
    let hourly = || seam().throttle(hourly.clone().per_principal());
    let (here, there) = (hourly().build()?, hourly().store(RedisStore::connect(&redis.url()).await?).build()?);
    let (mut rows, without) = (Vec::new(), bytes());
    for (what, seam) in [("no store", here), ("on Redis", there)] {
        drop(seam.as_principal("somebody").permit(1).await?);
        let before = bytes();
        use_each(&seam, IDLE).await?;
        rows.push(vec![what.to_owned(), shown((bytes() - before) / IDLE as f64)]);
    }
    // They are not to be taken for what comes next.
    gone(without + IDLE as f64).await;
    table("Memory of an idle bucket in the process, of 100,000, its principal included", &["", "bytes"], &rows);
    Ok(())
}

/// Buckets that are full again after 100 ms, and then forgotten.
async fn expired(redis: &mut Server) -> Failable<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bench.db");
    let brief = || seam().throttle(Throttle::rate("10/s").fresh_start(Duration::ZERO).per_principal());
    let mut rows = Vec::new();

    let row = left("no store", MANY, brief().build()?).await?;
    rows.push([row, vec![String::new()]].concat());

    let empty = redis.bytes()?;
    let store = RedisStore::connect(&redis.url()).await?;
    let row = left("on Redis", MANY, brief().store(store).build()?).await?;
    let (keys, expiring) = redis.keys()?;
    let each = (redis.bytes()? - empty) / keys;
    let in_store = format!("{} keys of {} bytes, {} with a ttl", shown(keys), shown(each), shown(expiring));
    rows.push([row, vec![in_store]].concat());

    let row = left("on SQLite", ROWS, brief().store(SqliteStore::open(&path)?).build()?).await?;
    let file = Connection::open(&path)?;
    let count = |filter: &str| {
        file.query_row(&format!("SELECT count(*) FROM stitchapi {filter}"), [], |row| row.get::<_, f64>(0))
    };
    let (all, ending) = (count("")?, count("WHERE ends IS NOT NULL AND sweep IS NOT NULL")?);
    // An hour passes for all rows. Whatever is written then takes the ended ones away, some at a time.
    file.execute("UPDATE stitchapi SET ends = 1, sweep = 1", [])?;
    let again = brief().store(SqliteStore::open(&path)?).build()?;
    use_each(&again, ROWS / 3).await?;
    let ended = count("WHERE ends = 1")?;
    let in_store = format!("{} rows, {} with an end; past it {} are left", shown(all), shown(ending), shown(ended));
    rows.push([row, vec![in_store]].concat());

    let head = ["", "buckets", "at most, MB", "left after some seconds, bytes a bucket", "in the store"];
    table("Buckets of principals who do not come back", &head, &rows);
    Ok(())
}

/// Uses so many buckets once, and waits until the process has forgotten them; what is left.
async fn left(what: &str, buckets: u64, seam: Seam) -> Failable<Vec<String>> {
    drop(seam.as_principal("somebody").permit(1).await?);
    let before = bytes();
    let most = use_each(&seam, buckets).await? - before;
    let after = gone(before + buckets as f64).await - before;
    let each = format!("{:.2}", after / buckets as f64);
    Ok(vec![what.to_owned(), shown(buckets as f64), shown(most / 1e6), each])
}

/// Waits until no more bytes than these are allocated, some seconds at most; how many there are.
async fn gone(enough: f64) -> f64 {
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if bytes() < enough {
            break;
        }
    }
    bytes()
}

/// Takes a permit of each of so many principals; the most bytes that were allocated meanwhile.
async fn use_each(seam: &Seam, principals: u64) -> Failable<f64> {
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<JoinHandle<stitchapi::Result<f64>>> = (0..TASKS)
        .map(|_| {
            let (seam, next) = (seam.clone(), next.clone());
            tokio::spawn(async move {
                let mut most = 0.0_f64;
                loop {
                    let principal = next.fetch_add(1, Ordering::Relaxed);
                    if principal >= principals {
                        return Ok(most);
                    }
                    let its = seam.as_principal(principal.to_string());
                    drop(its.permit(1).await?);
                    if principal % 1_000 == 0 {
                        most = most.max(bytes());
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    let mut most = 0.0_f64;
    for task in tasks {
        most = most.max(task.await??);
    }
    Ok(most)
}

fn seam() -> SeamBuilder {
    Seam::builder("https://api.example.com").transport(Instantly)
}
