//! Several processes on one backend.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use stitchapi_core::{Key, Lease, Owner, Runtime, StitchStore, StoreTime, Version, Versioned};

use super::pacing;
use crate::contract::{Checked, Client, Facility, Scene, Trouble, ensure};
use crate::processes::{Part, Task};

/// How often every process counts.
const COUNTS: usize = 100;
/// How often every process books one start.
const RESERVES: usize = 25;
/// How often every process holds the place.
const HOLDS: usize = 8;
/// How often every process writes over what it has read.
const WRITES: usize = 25;
/// Before a process asks again.
const PAUSE: Duration = Duration::from_millis(3);

pub(crate) async fn count(scene: Scene) -> Checked {
    scene.first.counter()?;
    let mut counts = all(&scene, Task::Count).await?;
    let (expected, last) = (1..=counts.len() as u64, counts.iter().copied().max());
    counts.sort_unstable();
    ensure!(counts.iter().copied().eq(expected), "{} calls of incr counted to {last:?}", counts.len());
    Ok(())
}

pub(crate) async fn reserve(scene: Scene) -> Checked {
    scene.first.pacer()?;
    let mut starts = all(&scene, Task::Reserve).await?;
    starts.sort_unstable();
    let apart = starts.windows(2).map(|pair| Duration::from_micros(pair[1] - pair[0]));
    let closest = apart.min().unwrap_or_default();
    ensure!(
        closest >= pacing::QUICK,
        "two processes were given starts {closest:?} apart instead of {:?}",
        pacing::QUICK
    );
    Ok(())
}

pub(crate) async fn lend(scene: Scene) -> Checked {
    scene.first.leases()?;
    let mut fences = all(&scene, Task::Lend).await?;
    let held = fences.len();
    fences.sort_unstable();
    fences.dedup();
    ensure!(fences.len() == held, "{held} holders had {} fences", fences.len());
    Ok(())
}

pub(crate) async fn write(scene: Scene) -> Checked {
    scene.first.versioned()?;
    let mut numbers = all(&scene, Task::Write).await?;
    let (expected, last) = (1..=numbers.len() as u64, numbers.iter().copied().max());
    numbers.sort_unstable();
    ensure!(numbers.iter().copied().eq(expected), "{} writes of one more came to {last:?}", numbers.len());
    Ok(())
}

/// Runs a part in every process, and gathers the numbers that they bring back.
async fn all(scene: &Scene, task: Task) -> Result<Vec<u64>, Trouble> {
    let (processes, count) = match &scene.options.processes {
        Facility::Given((processes, count)) => (processes, *count),
        Facility::Missing => return Err(Trouble::Skipped("no way to start another process was given".into())),
        Facility::Impossible(why) => return Err(Trouble::NotApplicable(why.clone())),
    };
    let part = Part { task, namespace: scene.namespace.clone() };
    let mut numbers = Vec::new();
    for answer in join_all((0..count).map(|_| processes.run(part.clone()))).await {
        let answer = answer.map_err(|error| Trouble::Violated(format!("a process failed: {error}")))?;
        let read: Result<Vec<u64>, _> = answer.split_whitespace().map(str::parse).collect();
        numbers.extend(read.map_err(|_| Trouble::Violated(format!("in another process: {answer}")))?);
    }
    let each = match task {
        Task::Count => COUNTS,
        Task::Reserve => RESERVES,
        Task::Lend => HOLDS,
        Task::Write => WRITES,
    };
    ensure!(numbers.len() == count * each, "{count} processes brought back {} numbers", numbers.len());
    Ok(numbers)
}

/// What a process does for its part: numbers, or what went wrong.
pub(crate) async fn run(part: &Part, store: Arc<dyn StitchStore>, runtime: Arc<dyn Runtime>) -> String {
    let done = match part.task {
        Task::Count => run_count(&part.namespace, store).await,
        Task::Reserve => run_reserve(&part.namespace, store, &*runtime).await,
        Task::Lend => run_lend(&part.namespace, store, &*runtime).await,
        Task::Write => run_write(&part.namespace, store, &*runtime).await,
    };
    match done {
        Ok(numbers) => numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" "),
        Err(Trouble::Violated(why) | Trouble::Skipped(why) | Trouble::NotApplicable(why)) => why,
    }
}

async fn run_count(namespace: &str, store: Arc<dyn StitchStore>) -> Result<Vec<u64>, Trouble> {
    let (counter, key) = (Client::new(store).counter()?, Scene::key_in(namespace, "count"));
    let mut counts = Vec::with_capacity(COUNTS);
    for _ in 0..COUNTS {
        counts.push(counter.incr(&key, Scene::HOUR).await?);
    }
    Ok(counts)
}

async fn run_reserve(namespace: &str, store: Arc<dyn StitchStore>, runtime: &dyn Runtime) -> Result<Vec<u64>, Trouble> {
    let (pacer, key) = (Client::new(store).pacer()?, Scene::key_in(namespace, "cell"));
    let mut starts = Vec::with_capacity(RESERVES);
    for _ in 0..RESERVES {
        let request = pacing::quick(runtime.random()).with_calls(1);
        let reply = pacer.reserve(&key, &request).await?;
        starts.extend(reply.starts(&request).map(|StoreTime(start)| start));
    }
    Ok(starts)
}

async fn run_lend(namespace: &str, store: Arc<dyn StitchStore>, runtime: &dyn Runtime) -> Result<Vec<u64>, Trouble> {
    let client = Client::new(store);
    let (leases, key) = (client.leases()?, Scene::key_in(namespace, "place"));
    let mut fences = Vec::with_capacity(HOLDS);
    for _ in 0..HOLDS {
        let owner = Owner::random(runtime);
        let fence = loop {
            match leases.acquire(&key, 1, Scene::HOUR, &owner, Duration::from_secs(1)).await? {
                Lease::Held { fence } => break fence,
                Lease::Busy { .. } => runtime.sleep_until(runtime.now() + PAUSE).await,
            }
        };
        let alone = match client.versioned() {
            Ok(versioned) => alone(&*versioned, &Scene::key_in(namespace, "fence"), fence, runtime).await,
            Err(_) => Ok(()),
        };
        leases.release(&key, &owner).await?;
        alone?;
        fences.push(fence);
    }
    Ok(fences)
}

/// While the place is held nobody else writes, and the holder before had a smaller fence.
async fn alone(versioned: &dyn Versioned, key: &Key, fence: u64, runtime: &dyn Runtime) -> Checked {
    let before = versioned.read(key).await?;
    let last = before.as_ref().map_or(0, |(value, _)| number(value));
    ensure!(last < fence, "a holder has the fence {fence}, the one before had {last}");
    runtime.sleep_until(runtime.now() + Duration::from_millis(1)).await;
    let (expected, new) = (before.map(|(_, version)| version), Version::random(runtime));
    let value = fence.to_be_bytes().to_vec().into();
    let written = versioned.write_if(key, expected.as_ref(), &new, value, Some(Scene::HOUR)).await?;
    ensure!(written, "two held the one place: what one had read another one wrote over");
    Ok(())
}

async fn run_write(namespace: &str, store: Arc<dyn StitchStore>, runtime: &dyn Runtime) -> Result<Vec<u64>, Trouble> {
    let (versioned, key) = (Client::new(store).versioned()?, Scene::key_in(namespace, "number"));
    let mut numbers = Vec::with_capacity(WRITES);
    while numbers.len() < WRITES {
        let before = versioned.read(&key).await?;
        let next = before.as_ref().map_or(0, |(value, _)| number(value)) + 1;
        let (expected, new) = (before.map(|(_, version)| version), Version::random(runtime));
        let value = next.to_be_bytes().to_vec().into();
        if versioned.write_if(&key, expected.as_ref(), &new, value, Some(Scene::HOUR)).await? {
            numbers.push(next);
        } else {
            runtime.sleep_until(runtime.now() + PAUSE).await;
        }
    }
    Ok(numbers)
}

fn number(value: &[u8]) -> u64 {
    value.try_into().map_or(0, u64::from_be_bytes)
}
