//! Single flight across processes: the process that acquires the lease is the leader and runs the task; the other
//! processes are its followers and wait for its outcome.

use std::time::Duration;

use futures_util::future::{join, try_join};
use stitchapi_core::{StoreError, Version};

use super::flight_record::FlightRecord;
use super::outcome::Outcome;
use super::task::{FetchResult, FlightResult, FlightTask};
use crate::store::{Acquired, LeaseGuard, PollInterval, Stored};

/// Longest interval at which a follower reads the outcome from a store that is not slow.
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Lifetime of an outcome, unless it is a failure of a task with a back-off.
const OUTCOME_TTL: Duration = Duration::from_secs(5);
/// Longest lifetime of a failure that also applies to processes which begin after it.
const MAX_FAILURE_TTL: Duration = Duration::from_secs(60);

/// Runs `task` once in the whole fleet, and returns its result for this process. Called when the value was not found.
///
/// A failed store fails no caller: this process runs the task for itself if the store has no leases or no versioned
/// values, if an operation fails and its repetition fails, too, or if the store fails for the lifetime of a lease while
/// this process waits. It also does so if the leader reports that the output cannot be stored.
///
/// If the future is dropped, the task is dropped, and a background task releases the lease.
pub(crate) async fn run_once<T: FlightTask>(record: &FlightRecord, task: &T) -> FlightResult<T::Output, T::Failure> {
    if record.store().can_coordinate()
        && let Ok(Some(result)) = lead_or_follow(record, task).await
    {
        return result;
    }
    task.fetch(None).await.result.into()
}

/// Leads the flight or follows it. Returns `None` if the leader reports that the output cannot be stored, so that each
/// process runs the task for itself.
async fn lead_or_follow<T: FlightTask>(
    record: &FlightRecord,
    task: &T,
) -> Result<Option<FlightResult<T::Output, T::Failure>>, StoreError> {
    let lease = record.new_lease();
    let queue_ttl = record.store().queue_ttl();
    let (first, mut acquired) =
        try_join(record.with_one_retry(|| record.read_outcome()), record.with_one_retry(|| lease.acquire(queue_ttl)))
            .await?;
    // Version of the outcome read last, and version of the outcome that this process has acted upon.
    let (mut last_read, mut handled) = (first.version, first.version);
    // The first outcome may be older than this call. A failure then counts only if the task has a back-off. `Stored`
    // does not count, because this process did not find the value.
    let mut outcome = match first.value {
        Some(Outcome::Failed(_)) if T::FAILURE_BACK_OFF.is_none() => None,
        Some(Outcome::Stored) => None,
        outcome => outcome,
    };
    loop {
        match outcome {
            Some(Outcome::NotKept) => {
                lease.release().await;
                return Ok(None);
            }
            Some(Outcome::Failed(failure)) => {
                lease.release().await;
                return Ok(Some(FlightResult::FailedElsewhere(failure)));
            }
            Some(Outcome::Stored) | None => {}
        }
        let is_stored = outcome.is_some();
        if is_stored || acquired == Acquired::Held {
            if let Some(output) = record.with_one_retry(|| task.load()).await? {
                lease.release().await;
                return Ok(Some(FlightResult::Ready(output)));
            }
            handled = last_read;
        }
        if acquired == Acquired::Held {
            // A fetch must begin with at least two thirds of the lease's lifetime left, or with a renewed lease.
            if lease.is_fresh() || lease.renew().await {
                return Ok(Some(lead(record, task, lease, last_read).await.into()));
            }
            acquired = Acquired::Busy { retry_after: Duration::ZERO };
        }
        let wait = wait_for_outcome_or_lease(record, &lease, acquired, handled).await?;
        (acquired, last_read) = (wait.acquired, wait.stored.version);
        outcome = wait.stored.value.filter(|_| last_read != handled);
    }
}

/// What a follower found at the end of its wait.
struct WaitResult {
    acquired: Acquired,
    stored: Stored<Outcome>,
}

/// Waits until the store has an outcome of another version than `handled`, or this process has the lease.
async fn wait_for_outcome_or_lease(
    record: &FlightRecord,
    lease: &LeaseGuard,
    mut acquired: Acquired,
    handled: Option<Version>,
) -> Result<WaitResult, StoreError> {
    let (runtime, store) = (record.runtime(), record.store());
    let mut interval = PollInterval::new(store.timeout(), MAX_POLL_INTERVAL);
    // The lease is requested again after a third of the queue ttl, so that the place in the queue is kept, or when the
    // lease of the leader may have expired, whichever is earlier.
    let next_acquire_at = |acquired: &Acquired| match acquired {
        Acquired::Busy { retry_after } => runtime.now() + (store.queue_ttl() / 3).min(*retry_after),
        Acquired::Held => runtime.now(),
    };
    let mut acquire_at = next_acquire_at(&acquired);
    // The leader may still be fetching, so this process waits until the store has failed for the lifetime of a lease
    // before it fetches, too.
    let mut give_up_at = runtime.now() + lease.ttl();
    loop {
        let now = runtime.now();
        let pause = interval.next_pause(runtime.random());
        runtime.sleep_until(now + pause.min(acquire_at.since(now).max(interval.min()))).await;
        let wants_lease = runtime.now() >= acquire_at;
        match poll_once(record, lease, wants_lease.then_some(&mut acquired)).await {
            Ok(stored) => {
                give_up_at = runtime.now() + lease.ttl();
                if acquired == Acquired::Held || stored.value.is_some() && stored.version != handled {
                    return Ok(WaitResult { acquired, stored });
                }
                if runtime.now() >= acquire_at {
                    acquire_at = next_acquire_at(&acquired);
                }
            }
            Err(error) if !error.is_retryable() || runtime.now() >= give_up_at => return Err(error),
            Err(_) => {}
        }
    }
}

/// Requests the lease, if `acquired` is given, and then reads the outcome. In this order, a process that acquires the
/// lease also reads the outcome of the leader before it.
async fn poll_once(
    record: &FlightRecord,
    lease: &LeaseGuard,
    acquired: Option<&mut Acquired>,
) -> Result<Stored<Outcome>, StoreError> {
    if let Some(acquired) = acquired {
        *acquired = lease.acquire(record.store().queue_ttl()).await?;
    }
    record.read_outcome().await
}

/// Fetches as the leader, and stores the outcome over the version `last_read`.
async fn lead<T: FlightTask>(
    record: &FlightRecord,
    task: &T,
    lease: LeaseGuard,
    last_read: Option<Version>,
) -> Result<T::Output, T::Failure> {
    let FetchResult { result, outcome } = lease.renew_while(task.fetch(Some(&lease))).await;
    match outcome {
        // The outcome may be written while the lease is released, because the next leader loads the output before it
        // fetches, even if it has not read this outcome.
        Some(Outcome::Stored) => {
            join(record.write_outcome(&Outcome::Stored, last_read, OUTCOME_TTL), lease.release()).await;
        }
        Some(outcome) => {
            let ttl = match (&outcome, T::FAILURE_BACK_OFF) {
                (Outcome::Failed(failure), Some(back_off)) => failure_ttl(back_off, failure.retry_after),
                _ => OUTCOME_TTL,
            };
            record.write_outcome(&outcome, last_read, ttl).await;
            lease.release().await;
        }
        None => lease.release().await,
    }
    result
}

/// Returns how long a failure applies to processes that begin after it: its `retry_after`, but at most 60 s and at
/// least `back_off`.
pub(crate) fn failure_ttl(back_off: Duration, retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or_default().min(MAX_FAILURE_TTL).max(back_off)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use stitchapi_core::{MemoryStore, Runtime as _};
    use stitchapi_testing::SimRuntime;

    use super::super::outcome::{FailureReason, SharedFailure};
    use super::*;
    use crate::store::Client;
    use crate::trace::{CallId, Dispatch, Trace};

    const FETCH_TIME: Duration = Duration::from_millis(300);

    fn record(sim: &SimRuntime) -> FlightRecord {
        let runtime: Arc<SimRuntime> = Arc::new(sim.clone());
        let store = Arc::new(Client::new(Arc::new(MemoryStore::with_clock_of(runtime.clone())), runtime.clone()));
        let (dispatch, name): (_, Arc<str>) = (Dispatch::new(Vec::new()), "test".into());
        let trace = Trace { dispatch, runtime, seam: name.clone(), stitch: name, call: CallId(1) };
        FlightRecord::new(store, trace, &["test"])
    }

    /// A task that reports `outcome` after each fetch, and stores no output. `BACK_OFF` is its back-off in seconds; 0
    /// for none.
    struct StoresNothing<'s, const BACK_OFF: u64> {
        sim: &'s SimRuntime,
        fetches: AtomicU32,
        outcome: Outcome,
    }

    impl<'s, const BACK_OFF: u64> StoresNothing<'s, BACK_OFF> {
        fn reporting(sim: &'s SimRuntime, outcome: Outcome) -> Self {
            Self { sim, fetches: AtomicU32::new(0), outcome }
        }
    }

    impl<const BACK_OFF: u64> FlightTask for StoresNothing<'_, BACK_OFF> {
        type Output = u32;
        type Failure = ();
        const FAILURE_BACK_OFF: Option<Duration> =
            if BACK_OFF == 0 { None } else { Some(Duration::from_secs(BACK_OFF)) };

        async fn load(&self) -> Result<Option<u32>, StoreError> {
            Ok(None)
        }

        async fn fetch(&self, _: Option<&LeaseGuard>) -> FetchResult<u32, ()> {
            self.sim.sleep(FETCH_TIME).await;
            let number = self.fetches.fetch_add(1, Ordering::Relaxed) + 1;
            let result = if matches!(self.outcome, Outcome::Failed(_)) { Err(()) } else { Ok(number) };
            FetchResult { result, outcome: Some(self.outcome.clone()) }
        }
    }

    #[test]
    fn followers_that_do_not_find_the_stored_output_lead_one_after_the_other() {
        let sim = SimRuntime::new(1);
        let (record, task) = (record(&sim), StoresNothing::<0>::reporting(&sim, Outcome::Stored));
        let begun = sim.now();
        let results = sim.block_on(join_all((0..3).map(|_| run_once(&record, &task))));
        assert!(results.iter().all(|result| matches!(result, FlightResult::Ready(_))));
        assert_eq!(task.fetches.load(Ordering::Relaxed), 3);
        let elapsed = sim.now().since(begun);
        assert!(elapsed < FETCH_TIME * 3 + Duration::from_millis(200), "{elapsed:?}");
    }

    /// Returns for how many seconds an outcome is in the store after the flight that stored it.
    fn seconds_stored<const BACK_OFF: u64>(outcome: Outcome) -> u32 {
        let sim = SimRuntime::new(1);
        let (record, task) = (record(&sim), StoresNothing::<BACK_OFF>::reporting(&sim, outcome));
        sim.block_on(run_once(&record, &task));
        let just_before = Duration::from_millis(1);
        sim.block_on(async {
            sim.sleep(Duration::from_secs(1) - just_before).await;
            let mut seconds = 0;
            while record.read_outcome().await.unwrap().value.is_some() {
                seconds += 1;
                sim.sleep(Duration::from_secs(1)).await;
            }
            seconds
        })
    }

    #[test]
    fn an_outcome_lives_for_5_s_and_a_failure_with_a_back_off_for_1_to_60_s() {
        let failure = |retry_after: Option<u64>| {
            let (what, reason) = ("the login failed".into(), FailureReason::Auth);
            let retry_after = retry_after.map(Duration::from_secs);
            Outcome::Failed(SharedFailure { what, reason, retryable: true, retry_after })
        };
        assert_eq!(seconds_stored::<0>(Outcome::Stored), 5);
        assert_eq!(seconds_stored::<0>(Outcome::NotKept), 5);
        assert_eq!(seconds_stored::<0>(failure(Some(30))), 5);
        assert_eq!(seconds_stored::<1>(Outcome::NotKept), 5);
        for (retry_after, seconds) in [(None, 1), (Some(0), 1), (Some(30), 30), (Some(3_600), 60)] {
            assert_eq!(seconds_stored::<1>(failure(retry_after)), seconds, "{retry_after:?}");
        }
    }

    #[test]
    fn a_failure_holds_for_later_processes_only_within_its_back_off() {
        let failure = SharedFailure {
            what: "the login failed".into(),
            reason: FailureReason::Auth,
            retryable: true,
            retry_after: Some(Duration::from_secs(10)),
        };
        let sim = SimRuntime::new(1);
        let (record, task) = (record(&sim), StoresNothing::<1>::reporting(&sim, Outcome::Failed(failure.clone())));
        let run = || sim.block_on(run_once(&record, &task));
        assert!(matches!(run(), FlightResult::Failed(())));
        sim.block_on(sim.sleep(Duration::from_secs(9)));
        assert!(matches!(run(), FlightResult::FailedElsewhere(shared) if shared == failure));
        sim.block_on(sim.sleep(Duration::from_secs(2)));
        assert!(matches!(run(), FlightResult::Failed(())));
        assert_eq!(task.fetches.load(Ordering::Relaxed), 2);
    }
}
