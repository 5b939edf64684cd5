//! The worker around a limiter: takes permits and prints the result.

use std::error::Error;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::arguments::WorkerArgs;
use crate::limiter::Limiter;

/// Largest budget at which the time of each permit is recorded.
const MAX_STAMPED_BUDGET: u32 = 10_000;

/// Runs the worker.
///
/// It connects, takes one permit, prints `ready`, and reads a line with a number of seconds. It takes permits for that time
/// and prints the number of permits, the seconds, its processor time in microseconds, and the time of each permit in
/// nanoseconds if the budget is small.
pub async fn run<L: Limiter>(arguments: &WorkerArgs) -> Result<(), Box<dyn Error>> {
    let limiter = Arc::new(L::start(arguments).await?);
    limiter.permit().await;
    print_line("ready")?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let duration = Duration::from_secs_f64(line.trim().parse()?);

    let (permits, stamps) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (begun, processor) = (Instant::now(), nanos(ClockId::ProcessCPUTime));
    for _ in 0..arguments.tasks {
        let (limiter, permits, stamps) = (limiter.clone(), permits.clone(), stamps.clone());
        let has_stamps = arguments.budget <= MAX_STAMPED_BUDGET;
        tokio::spawn(async move {
            while begun.elapsed() < duration {
                limiter.permit().await;
                permits.fetch_add(1, Ordering::Relaxed);
                if has_stamps {
                    stamps.lock().unwrap_or_else(PoisonError::into_inner).push(nanos(ClockId::Monotonic));
                }
            }
        });
    }
    tokio::time::sleep(duration).await;
    let (permits, took) = (permits.load(Ordering::Relaxed), begun.elapsed());
    let processor = (nanos(ClockId::ProcessCPUTime) - processor) / 1_000;
    let stamps = std::mem::take(&mut *stamps.lock().unwrap_or_else(PoisonError::into_inner));
    print_line(&format!("permits {permits}\nseconds {}\nprocessor {processor}", took.as_secs_f64()))?;
    let stamps: Vec<String> = stamps.iter().map(u64::to_string).collect();
    print_line(&format!("at {}", stamps.join(" ")))
}

fn print_line(line: &str) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Returns the time of a clock in nanoseconds.
fn nanos(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
