//! Single flight across processes.

use std::future::Future;
use std::time::Duration;

use futures_util::future::{join, try_join};
use stitchapi_core::{StoreError, Version};

use super::meeting::{Meeting, Seen};
use super::outcome::{Failed, Outcome};
use super::place::{Lock, Place, Taken};

/// How often one who waits looks for the outcome: at first, and at most.
const POLL: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));
/// The same where a trip takes long.
const POLL_FAR: Duration = Duration::from_millis(100);
/// A store whose operations may take this is far.
const FAR: Duration = Duration::from_secs(1);
/// How long an outcome is kept for those who wait.
const KEPT: Duration = Duration::from_secs(5);
/// No failure is everybody's for longer.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);

/// What a flight is for.
pub(crate) trait Errand: Sync {
    /// What it brings.
    type Prize: Send;
    /// Why it could not.
    type Failure: Send;
    /// For how long a failure is everybody's at least, also of those who come later. `None`: of those who waited only.
    const BACK_OFF: Option<Duration>;

    /// Looks in the store whether somebody has brought it.
    fn look(&self) -> impl Future<Output = Result<Option<Self::Prize>, StoreError>> + Send;

    /// Fetches it, and puts it into the store if `lock` is still held then; without one it is this process' own affair.
    fn fetch(&self, lock: Option<&Lock>) -> impl Future<Output = Fetched<Self::Prize, Self::Failure>> + Send;
}

/// What a fetch came to.
pub(crate) struct Fetched<P, F> {
    pub(crate) result: Result<P, F>,
    /// What to tell those who wait; `None`: nothing, they try themselves.
    pub(crate) outcome: Option<Outcome>,
}

/// How a flight ended for one of the processes.
pub(crate) enum Landed<P, F> {
    /// Here it is, from the store or from the API.
    Brought(P),
    /// This process tried, and failed.
    Failed(F),
    /// Another process tried, and failed.
    FailedElsewhere(Failed),
}

impl<P, F> Landed<P, F> {
    /// What this process came to on its own.
    pub(crate) fn of(result: Result<P, F>) -> Self {
        match result {
            Ok(prize) => Self::Brought(prize),
            Err(failure) => Self::Failed(failure),
        }
    }
}

/// Brings what `errand` is for, once for the whole fleet. To be called after a miss.
///
/// Where the store fails twice running, or cannot lend, this process goes on its own: nobody fails because of the store.
/// Dropped: the lease is given back by a task of its own.
pub(crate) async fn fly<E: Errand>(meeting: &Meeting, errand: &E) -> Landed<E::Prize, E::Failure> {
    if meeting.store.can_coordinate()
        && let Ok(Some(landed)) = lead_or_follow(meeting, errand).await
    {
        return landed;
    }
    Landed::of(errand.fetch(None).await.result)
}

/// `None`: everybody goes on its own.
async fn lead_or_follow<E: Errand>(
    meeting: &Meeting,
    errand: &E,
) -> Result<Option<Landed<E::Prize, E::Failure>>, StoreError> {
    let place = Place::new(meeting);
    let (before, mut taken) =
        try_join(meeting.twice(|| meeting.read_outcome()), meeting.twice(|| place.take())).await?;
    let (mut seen, mut known) = (before.version, before.version);
    let mut news = match before.outcome {
        Some(Outcome::NotKept) => Some(Outcome::NotKept),
        Some(Outcome::Failed(failed)) if E::BACK_OFF.is_some() => Some(Outcome::Failed(failed)),
        _ => None,
    };
    loop {
        match news {
            Some(Outcome::NotKept) => {
                place.leave().await;
                return Ok(None);
            }
            Some(Outcome::Failed(failed)) => {
                place.leave().await;
                return Ok(Some(Landed::FailedElsewhere(failed)));
            }
            Some(Outcome::Stored) | None => {}
        }
        let is_stored = news.is_some();
        if is_stored || matches!(taken, Taken::Held(_)) {
            if let Some(prize) = meeting.twice(|| errand.look()).await? {
                place.leave().await;
                return Ok(Some(Landed::Brought(prize)));
            }
            known = seen;
        }
        if let Taken::Held(lock) = &taken {
            // What is begun now is begun with most of a lease.
            if lock.is_fresh() || place.renew(lock).await {
                return Ok(Some(Landed::of(lead(meeting, errand, place, lock, seen).await)));
            }
            taken = Taken::Busy(Duration::ZERO);
        }
        let waited = wait(meeting, &place, taken, known).await?;
        (taken, seen) = (waited.taken, waited.seen.version);
        news = waited.seen.outcome.filter(|_| seen != known);
    }
}

/// What has come while this process waited.
struct Waited {
    taken: Taken,
    seen: Seen,
}

/// Waits for another outcome than that of the version `known`, or for the lease.
async fn wait(
    meeting: &Meeting,
    place: &Place<'_>,
    mut taken: Taken,
    known: Option<Version>,
) -> Result<Waited, StoreError> {
    let (runtime, timeout) = (meeting.runtime(), meeting.store.timeout());
    let (first, most) = if timeout < FAR { POLL } else { (POLL_FAR, POLL_FAR) };
    let mut poll = first;
    // The place in the queue is kept, and the lease noticed to be free, by asking for it now and then.
    let again = |taken: &Taken| match taken {
        Taken::Busy(retry_after) => runtime.now() + (meeting.store.park() / 3).min(*retry_after),
        Taken::Held(_) => runtime.now(),
    };
    let mut take_at = again(&taken);
    // Somebody else is at it, so a store that fails for a while is no reason to go there, too.
    let mut patience = runtime.now() + meeting.lease();
    loop {
        let now = runtime.now();
        let pause = jittered(poll, runtime.random());
        runtime.sleep_until(now + pause.min(take_at.since(now).max(first))).await;
        poll = (poll * 2).min(most);
        let looked = look_around(meeting, place, (runtime.now() >= take_at).then_some(&mut taken)).await;
        match looked {
            Ok(seen) => {
                patience = runtime.now() + meeting.lease();
                if matches!(taken, Taken::Held(_)) || seen.outcome.is_some() && seen.version != known {
                    return Ok(Waited { taken, seen });
                }
                if runtime.now() >= take_at {
                    take_at = again(&taken);
                }
            }
            Err(error) if !error.is_retryable() || runtime.now() >= patience => return Err(error),
            Err(_) => {}
        }
    }
}

/// Asks for the lease, if it is time, and reads the outcome after it: whoever holds it knows what came before.
async fn look_around(meeting: &Meeting, place: &Place<'_>, taken: Option<&mut Taken>) -> Result<Seen, StoreError> {
    if let Some(taken) = taken {
        *taken = place.take().await?;
    }
    meeting.read_outcome().await
}

/// Fetches for everybody, and leaves the outcome unless somebody has left another one since `seen`.
async fn lead<E: Errand>(
    meeting: &Meeting,
    errand: &E,
    place: Place<'_>,
    lock: &Lock,
    seen: Option<Version>,
) -> Result<E::Prize, E::Failure> {
    let Fetched { result, outcome } = place.keep_renewed(lock, errand.fetch(Some(lock))).await;
    match outcome {
        // Whoever comes next finds it in the store, with or without the outcome.
        Some(Outcome::Stored) => {
            join(meeting.leave_outcome(&Outcome::Stored, seen, KEPT), place.leave()).await;
        }
        Some(outcome) => {
            let ttl = match (&outcome, E::BACK_OFF) {
                (Outcome::Failed(failed), Some(back_off)) => back_off_of(back_off, failed.retry_after),
                _ => KEPT,
            };
            meeting.leave_outcome(&outcome, seen, ttl).await;
            place.leave().await;
        }
        None => place.leave().await,
    }
    result
}

/// For how long a failure is everybody's: as long as whoever refused has asked for, within bounds.
pub(crate) fn back_off_of(at_least: Duration, retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or_default().min(LONGEST_BACK_OFF).max(at_least)
}

/// Between half of `pause` and all of it.
fn jittered(pause: Duration, random: u64) -> Duration {
    let half = pause / 2;
    let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_micros(random % micros)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use stitchapi_core::{MemoryStore, Runtime as _};
    use stitchapi_testing::SimRuntime;

    use super::*;
    use crate::store::Client;
    use crate::trace::{CallId, Dispatch, Trace};

    /// Says that it has stored what nobody finds.
    struct Boaster<'s>(&'s SimRuntime, &'s AtomicU32);

    impl Errand for Boaster<'_> {
        type Prize = u32;
        type Failure = ();
        const BACK_OFF: Option<Duration> = None;

        async fn look(&self) -> Result<Option<u32>, StoreError> {
            Ok(None)
        }

        async fn fetch(&self, _: Option<&Lock>) -> Fetched<u32, ()> {
            self.0.sleep(Duration::from_millis(300)).await;
            Fetched { result: Ok(self.1.fetch_add(1, Ordering::Relaxed) + 1), outcome: Some(Outcome::Stored) }
        }
    }

    #[test]
    fn who_does_not_find_what_was_stored_takes_its_turn() {
        let (sim, fetches) = (SimRuntime::new(1), AtomicU32::new(0));
        let runtime: Arc<SimRuntime> = Arc::new(sim.clone());
        let store = Arc::new(Client::new(Arc::new(MemoryStore::on(runtime.clone())), runtime.clone()));
        let (dispatch, name): (_, Arc<str>) = (Dispatch::new(Vec::new()), "test".into());
        let trace = Trace { dispatch, runtime, seam: name.clone(), stitch: name, call: CallId(1) };
        let meeting = Meeting::new(store, trace, &["test"]);
        let (begun, boaster) = (sim.now(), Boaster(&sim, &fetches));
        let all = sim.block_on(join_all((0..3).map(|_| fly(&meeting, &boaster))));
        assert!(all.iter().all(|landed| matches!(landed, Landed::Brought(_))));
        assert_eq!(fetches.load(Ordering::Relaxed), 3);
        let took = sim.now().since(begun);
        assert!(took < Duration::from_millis(3 * 300 + 200), "{took:?}");
    }
}
