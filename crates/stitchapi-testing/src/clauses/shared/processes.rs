//! Several operating-system processes on one backend.
//!
//! Each clause starts the same [`Part`] in several processes. A part returns numbers as text; the clause checks all of them
//! together.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use stitchapi_core::{Key, Lease, Owner, Runtime, StitchStore, StoreTime, Version, Versioned};

use crate::clauses::pacer::requests;
use crate::harness::{ClauseResult, Client, Fixture, NotPassed, ensure};
use crate::processes::{Part, Task};

/// Increments of each process.
const COUNTS: usize = 100;
/// Bookings of one start, of each process.
const RESERVES: usize = 25;
/// Leases acquired by each process.
const LEASES: usize = 8;
/// Successful writes of each process.
const WRITES: usize = 25;
/// Pause before a process repeats an operation that another process won.
const PAUSE: Duration = Duration::from_millis(3);

pub(crate) async fn count(fixture: Fixture) -> ClauseResult {
    fixture.first.counter()?;
    let mut counts = run_everywhere(&fixture, Task::Count).await?;
    let (expected, largest) = (1..=counts.len() as u64, counts.iter().copied().max());
    counts.sort_unstable();
    ensure!(counts.iter().copied().eq(expected), "{} calls of incr counted up to {largest:?}", counts.len());
    Ok(())
}

pub(crate) async fn reserve(fixture: Fixture) -> ClauseResult {
    fixture.first.pacer()?;
    let mut starts = run_everywhere(&fixture, Task::Reserve).await?;
    starts.sort_unstable();
    let distances = starts.windows(2).map(|pair| Duration::from_micros(pair[1] - pair[0]));
    let closest = distances.min().unwrap_or_default();
    ensure!(
        closest >= requests::FAST_SPACING,
        "two processes received starts {closest:?} apart, expected at least {:?}",
        requests::FAST_SPACING
    );
    Ok(())
}

pub(crate) async fn lease(fixture: Fixture) -> ClauseResult {
    fixture.first.leases()?;
    let mut fences = run_everywhere(&fixture, Task::Lease).await?;
    let granted = fences.len();
    fences.sort_unstable();
    fences.dedup();
    ensure!(fences.len() == granted, "{granted} leases of one key had {} different fences", fences.len());
    Ok(())
}

pub(crate) async fn write(fixture: Fixture) -> ClauseResult {
    fixture.first.versioned()?;
    let mut numbers = run_everywhere(&fixture, Task::Write).await?;
    let (expected, largest) = (1..=numbers.len() as u64, numbers.iter().copied().max());
    numbers.sort_unstable();
    ensure!(numbers.iter().copied().eq(expected), "{} writes of n + 1 over n reached {largest:?}", numbers.len());
    Ok(())
}

/// Runs a part in every process and returns all numbers.
async fn run_everywhere(fixture: &Fixture, task: Task) -> Result<Vec<u64>, NotPassed> {
    let (processes, count) = fixture.options.get_processes()?;
    let part = Part { task, namespace: fixture.namespace.clone() };
    let mut numbers = Vec::new();
    for reply in join_all((0..count).map(|_| processes.run(part.clone()))).await {
        let reply = reply.map_err(|error| NotPassed::Violated(format!("a process failed: {error}")))?;
        let parsed: Result<Vec<u64>, _> = reply.split_whitespace().map(str::parse).collect();
        numbers.extend(parsed.map_err(|_| NotPassed::Violated(format!("in another process: {reply}")))?);
    }
    let per_process = match task {
        Task::Count => COUNTS,
        Task::Reserve => RESERVES,
        Task::Lease => LEASES,
        Task::Write => WRITES,
    };
    ensure!(numbers.len() == count * per_process, "{count} processes returned {} numbers", numbers.len());
    Ok(numbers)
}

impl Part {
    /// Runs the part on a client of the backend and returns the reply for [`Processes::run`](crate::Processes::run).
    ///
    /// An operation that fails is part of the reply and violates the clause.
    ///
    /// If the future is dropped, the part stops at its current operation and the clause has no reply.
    pub async fn run(&self, store: Arc<dyn StitchStore>, runtime: Arc<dyn Runtime>) -> String {
        let numbers = match self.task {
            Task::Count => run_count(&self.namespace, store).await,
            Task::Reserve => run_reserve(&self.namespace, store, &*runtime).await,
            Task::Lease => run_lease(&self.namespace, store, &*runtime).await,
            Task::Write => run_write(&self.namespace, store, &*runtime).await,
        };
        match numbers {
            Ok(numbers) => numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" "),
            Err(NotPassed::Violated(why) | NotPassed::Skipped(why) | NotPassed::NotApplicable(why)) => why,
        }
    }
}

async fn run_count(namespace: &str, store: Arc<dyn StitchStore>) -> Result<Vec<u64>, NotPassed> {
    let (counter, key) = (Client::new(store).counter()?, Fixture::key_in(namespace, "count"));
    let mut counts = Vec::with_capacity(COUNTS);
    for _ in 0..COUNTS {
        counts.push(counter.incr(&key, Fixture::HOUR).await?);
    }
    Ok(counts)
}

async fn run_reserve(
    namespace: &str,
    store: Arc<dyn StitchStore>,
    runtime: &dyn Runtime,
) -> Result<Vec<u64>, NotPassed> {
    let (pacer, key) = (Client::new(store).pacer()?, Fixture::key_in(namespace, "cell"));
    let mut starts = Vec::with_capacity(RESERVES);
    for _ in 0..RESERVES {
        let request = requests::fast(runtime.random()).with_calls(1);
        let reply = pacer.reserve(&key, &request).await?;
        starts.extend(reply.starts(&request).map(|StoreTime(start)| start));
    }
    Ok(starts)
}

/// Acquires and releases the only lease, and returns the fences.
async fn run_lease(namespace: &str, store: Arc<dyn StitchStore>, runtime: &dyn Runtime) -> Result<Vec<u64>, NotPassed> {
    let client = Client::new(store);
    let (leases, key) = (client.leases()?, Fixture::key_in(namespace, "lease"));
    let mut fences = Vec::with_capacity(LEASES);
    for _ in 0..LEASES {
        let owner = Owner::random(runtime);
        let fence = loop {
            match leases.acquire(&key, 1, Fixture::HOUR, &owner, Duration::from_secs(1)).await? {
                Lease::Held { fence } => break fence,
                Lease::Busy { .. } => runtime.sleep_until(runtime.now() + PAUSE).await,
            }
        };
        let is_exclusive = match client.versioned() {
            Ok(versioned) => expect_exclusive(&*versioned, &Fixture::key_in(namespace, "fence"), fence, runtime).await,
            Err(_) => Ok(()),
        };
        leases.release(&key, &owner).await?;
        is_exclusive?;
        fences.push(fence);
    }
    Ok(fences)
}

/// Writes the fence while holding the lease, and checks that the previous fence is smaller and that no other process
/// writes meanwhile.
async fn expect_exclusive(versioned: &dyn Versioned, key: &Key, fence: u64, runtime: &dyn Runtime) -> ClauseResult {
    let before = versioned.read(key).await?;
    let previous = before.as_ref().map_or(0, |(value, _)| parse_number(value));
    ensure!(previous < fence, "a lease holder has the fence {fence}, the previous one had {previous}");
    runtime.sleep_until(runtime.now() + Duration::from_millis(1)).await;
    let (expected, new) = (before.map(|(_, version)| version), Version::random(runtime));
    let value = fence.to_be_bytes().to_vec().into();
    let is_written = versioned.write_if(key, expected.as_ref(), &new, value, Some(Fixture::HOUR)).await?;
    ensure!(is_written, "two processes held the only lease: a value changed while its writer held it");
    Ok(())
}

/// Replaces a number by the next one, and returns the numbers written.
async fn run_write(namespace: &str, store: Arc<dyn StitchStore>, runtime: &dyn Runtime) -> Result<Vec<u64>, NotPassed> {
    let (versioned, key) = (Client::new(store).versioned()?, Fixture::key_in(namespace, "number"));
    let mut numbers = Vec::with_capacity(WRITES);
    while numbers.len() < WRITES {
        let before = versioned.read(&key).await?;
        let next = before.as_ref().map_or(0, |(value, _)| parse_number(value)) + 1;
        let (expected, new) = (before.map(|(_, version)| version), Version::random(runtime));
        let value = next.to_be_bytes().to_vec().into();
        if versioned.write_if(&key, expected.as_ref(), &new, value, Some(Fixture::HOUR)).await? {
            numbers.push(next);
        } else {
            runtime.sleep_until(runtime.now() + PAUSE).await;
        }
    }
    Ok(numbers)
}

fn parse_number(value: &[u8]) -> u64 {
    value.try_into().map_or(0, u64::from_be_bytes)
}
