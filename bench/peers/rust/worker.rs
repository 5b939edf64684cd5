//! What a worker does, whatever limiter it has.

use std::error::Error;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::Peer;

/// When permits are few, each one's time is told, too.
const FEW: u32 = 10_000;

/// What a worker is told.
#[derive(Debug)]
pub struct Told {
    /// The server.
    pub url: String,
    /// What the fleet shares.
    pub key: String,
    /// Permits a second, of the whole fleet.
    pub budget: u32,
    /// How many take permits at once, one after the other each.
    pub tasks: usize,
}

/// Connects and takes one permit, says `ready`, waits for a line with a number of seconds, takes permits for so long, and
/// says how many it got, how many microseconds of processor it took, and when each was given if they are few.
pub async fn run<P: Peer>(told: &Told) -> Result<(), Box<dyn Error>> {
    let peer = Arc::new(P::start(told).await?);
    peer.permit().await;
    say("ready")?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let lasts = Duration::from_secs_f64(line.trim().parse()?);

    let (permits, stamps) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (begun, processor) = (Instant::now(), nanos(ClockId::ProcessCPUTime));
    for _ in 0..told.tasks {
        let (peer, permits, stamps, few) = (peer.clone(), permits.clone(), stamps.clone(), told.budget <= FEW);
        tokio::spawn(async move {
            while begun.elapsed() < lasts {
                peer.permit().await;
                permits.fetch_add(1, Ordering::Relaxed);
                if few {
                    stamps.lock().unwrap_or_else(PoisonError::into_inner).push(nanos(ClockId::Monotonic));
                }
            }
        });
    }
    tokio::time::sleep(lasts).await;
    let (permits, took) = (permits.load(Ordering::Relaxed), begun.elapsed());
    let processor = (nanos(ClockId::ProcessCPUTime) - processor) / 1_000;
    let stamps = std::mem::take(&mut *stamps.lock().unwrap_or_else(PoisonError::into_inner));
    say(&format!("permits {permits}\nseconds {}\nprocessor {processor}", took.as_secs_f64()))?;
    let stamps: Vec<String> = stamps.iter().map(u64::to_string).collect();
    say(&format!("at {}", stamps.join(" ")))
}

fn say(line: &str) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn nanos(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
