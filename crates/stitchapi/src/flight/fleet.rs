//! Single flight across processes.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, join, select, try_join};
use stitchapi_core::{Key, Lease, Owner, Runtime, StoreError, Tick, Version};

use super::outcome::{Failed, Outcome};
use crate::store::SharedStore;
use crate::trace::{EventKind, Trace, Unreadable};

/// A leader that dies is replaced after this. Renewed at each third.
const LEASE: Duration = Duration::from_secs(1);
/// A place in the queue is kept for so long without asking again.
const PARK: Duration = Duration::from_millis(300);
/// How often one looks who waits: at first, and at most.
const POLL: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(25));
/// How long an outcome is kept for those who wait.
const KEPT: Duration = Duration::from_secs(5);

/// What a flight is for.
pub(crate) trait Errand: Sync {
    /// What it brings.
    type Prize: Send;
    /// Why it could not.
    type Failure: Send;
    /// For how long a failure is everybody's, also of those who come later. `None`: of those who waited only.
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

/// Where the processes of a fleet meet for one thing.
pub(crate) struct Flight {
    pub(crate) store: Arc<SharedStore>,
    pub(crate) trace: Trace,
    /// The lease.
    pub(crate) lock: Key,
    /// The outcome.
    pub(crate) outcome: Key,
}

impl Flight {
    /// The flight for what is kept under `parts`, added to `kind`.
    pub(crate) fn new(store: Arc<SharedStore>, trace: Trace, parts: &[&str]) -> Self {
        let key = |kind| store.key(parts.iter().fold(Key::new(kind), Key::part));
        Self { lock: key("lock"), outcome: key("outcome"), store, trace }
    }

    /// The outcome that is there, with its version.
    async fn read_outcome(&self) -> Result<Seen, StoreError> {
        let Some((bytes, version)) = self.store.read(&self.outcome, &self.trace).await? else {
            return Ok(Seen { version: None, outcome: None });
        };
        let outcome = Outcome::from_bytes(&bytes);
        if outcome.is_none() {
            self.trace.emit(EventKind::Unreadable { what: Unreadable::Outcome });
        }
        Ok(Seen { version: Some(version), outcome })
    }

    /// Leaves the outcome, unless somebody has left another one since `seen`: then this leader came too late.
    async fn leave(&self, outcome: &Outcome, seen: Option<Version>, ttl: Duration) {
        let new = Version::random(&**self.store.runtime());
        let write = self.store.write_if(&self.outcome, seen.as_ref(), &new, outcome.to_bytes(), ttl, &self.trace);
        // A failure has been told as an event; those who wait take the lease in turn.
        let _ = write.await;
    }
}

/// An outcome, and the version it was read with.
struct Seen {
    version: Option<Version>,
    outcome: Option<Outcome>,
}

/// Brings what `errand` is for, once for the whole fleet. To be called after a miss.
///
/// Where the store fails, or cannot lend, this process goes on its own: nobody fails because of the store. Dropped: the
/// lease is given back by a task of its own.
pub(crate) async fn fly<E: Errand>(flight: &Flight, errand: &E) -> Landed<E::Prize, E::Failure> {
    if !flight.store.joins_processes() {
        return Landed::of(errand.fetch(None).await.result);
    }
    match lead_or_follow(flight, errand).await {
        Ok(landed) => landed,
        Err(_) => Landed::of(errand.fetch(None).await.result),
    }
}

async fn lead_or_follow<E: Errand>(flight: &Flight, errand: &E) -> Result<Landed<E::Prize, E::Failure>, StoreError> {
    let mut place = Place::new(flight);
    let (before, mut taken) = try_join(flight.read_outcome(), place.take()).await?;
    match &before.outcome {
        Some(Outcome::NotKept) => {
            place.leave().await;
            return Ok(Landed::of(errand.fetch(None).await.result));
        }
        Some(Outcome::Failed(failed)) if E::BACK_OFF.is_some() => {
            place.leave().await;
            return Ok(Landed::FailedElsewhere(failed.clone()));
        }
        _ => {}
    }
    let mut seen = before.version;
    let mut poll = POLL.0;
    loop {
        if let Taken::Held(lock) = &taken {
            if let Some(prize) = errand.look().await? {
                place.leave().await;
                return Ok(Landed::Brought(prize));
            }
            // What is begun now is begun with most of a lease.
            if lock.is_fresh() || place.renew(lock).await {
                return Ok(Landed::of(lead(flight, errand, place, lock, seen).await));
            }
        }
        if let Taken::Busy(retry_after) = taken {
            let runtime = flight.store.runtime();
            let pause = jittered(poll, runtime.random()).min(retry_after + POLL.0);
            runtime.sleep_until(runtime.now() + pause).await;
            poll = (poll * 2).min(POLL.1);
        }
        taken = place.take().await?;
        let now = flight.read_outcome().await?;
        seen = now.version;
        let news = now.outcome.filter(|_| now.version != before.version);
        match (news, &taken) {
            (Some(Outcome::NotKept), _) => {
                place.leave().await;
                return Ok(Landed::of(errand.fetch(None).await.result));
            }
            (Some(Outcome::Failed(failed)), _) => {
                place.leave().await;
                return Ok(Landed::FailedElsewhere(failed));
            }
            (Some(Outcome::Stored), Taken::Busy(_)) => {
                if let Some(prize) = errand.look().await? {
                    place.leave().await;
                    return Ok(Landed::Brought(prize));
                }
            }
            // The holder looks for itself; there is nothing new for one who waits.
            (Some(Outcome::Stored), Taken::Held(_)) | (None, _) => {}
        }
    }
}

/// Fetches for everybody, and leaves the outcome unless somebody has left another one since `seen`.
async fn lead<E: Errand>(
    flight: &Flight,
    errand: &E,
    place: Place<'_>,
    lock: &Lock,
    seen: Option<Version>,
) -> Result<E::Prize, E::Failure> {
    let Fetched { result, outcome } = place.keep_renewed(lock, errand.fetch(Some(lock))).await;
    match outcome {
        // Whoever comes next finds it in the store, with or without the outcome.
        Some(Outcome::Stored) => drop(join(flight.leave(&Outcome::Stored, seen, KEPT), place.leave()).await),
        Some(outcome) => {
            let is_failure = matches!(outcome, Outcome::Failed(_));
            flight.leave(&outcome, seen, E::BACK_OFF.filter(|_| is_failure).unwrap_or(KEPT)).await;
            place.leave().await;
        }
        None => place.leave().await,
    }
    result
}

/// Between half of `pause` and all of it.
fn jittered(pause: Duration, random: u64) -> Duration {
    let half = pause / 2;
    let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_micros(random % micros)
}

/// What asking for the lease came to.
enum Taken {
    Held(Lock),
    /// For so long, if the holder does not renew.
    Busy(Duration),
}

/// The lease as its holder knows it.
pub(crate) struct Lock {
    runtime: Arc<dyn Runtime>,
    /// In microseconds of the runtime's clock; 0 once it is known to be lost.
    valid_until: AtomicU64,
}

impl Lock {
    fn new(runtime: Arc<dyn Runtime>, valid_until: Tick) -> Self {
        Self { runtime, valid_until: AtomicU64::new(valid_until.0) }
    }

    /// Whether it is held for certain: counted from when the last renewal was sent.
    pub(crate) fn is_held(&self) -> bool {
        !self.left().is_zero()
    }

    /// Whether more than two thirds of it are left.
    fn is_fresh(&self) -> bool {
        self.left() > LEASE * 2 / 3
    }

    fn left(&self) -> Duration {
        Tick(self.valid_until.load(Ordering::Relaxed)).since(self.runtime.now())
    }

    fn set(&self, valid_until: Tick) {
        self.valid_until.store(valid_until.0, Ordering::Relaxed);
    }
}

/// This process' place at the lease or in its queue, given back when dropped.
struct Place<'f> {
    flight: &'f Flight,
    owner: Owner,
    asked: bool,
}

impl<'f> Place<'f> {
    fn new(flight: &'f Flight) -> Self {
        Self { flight, owner: Owner::random(&**flight.store.runtime()), asked: false }
    }

    async fn take(&mut self) -> Result<Taken, StoreError> {
        let Flight { store, trace, lock, .. } = self.flight;
        let sent = store.runtime().now();
        self.asked = true;
        Ok(match store.acquire(lock, LEASE, &self.owner, PARK, trace).await? {
            Lease::Held { .. } => Taken::Held(Lock::new(store.runtime().clone(), sent + LEASE)),
            Lease::Busy { retry_after } => Taken::Busy(retry_after),
        })
    }

    /// Holds it for longer; `false` if it is lost.
    async fn renew(&self, lock: &Lock) -> bool {
        let Flight { store, trace, lock: key, .. } = self.flight;
        let sent = store.runtime().now();
        match store.renew(key, LEASE, &self.owner, trace).await {
            Ok(true) => {
                lock.set(sent + LEASE);
                true
            }
            Ok(false) => {
                lock.set(Tick(0));
                false
            }
            // It may have been renewed; what was valid before still is.
            Err(_) => lock.is_held(),
        }
    }

    /// Runs `fetch` to its end, and renews meanwhile, also when the lease was lost: somebody else may still have died.
    async fn keep_renewed<T>(&self, lock: &Lock, fetch: impl Future<Output = T> + Send) -> T {
        let runtime = self.flight.store.runtime();
        let renewing = async {
            loop {
                runtime.sleep_until(runtime.now() + LEASE / 3).await;
                self.renew(lock).await;
            }
        };
        match select(pin!(fetch), pin!(renewing)).await {
            Either::Left((fetched, _)) => fetched,
            Either::Right((never, _)) => never,
        }
    }

    /// Gives it back. A failure has been told as an event; the place ends by itself.
    async fn leave(mut self) {
        self.asked = false;
        let _ = self.flight.store.release(&self.flight.lock, &self.owner, &self.flight.trace).await;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.asked {
            return;
        }
        let Flight { store, trace, lock, .. } = self.flight;
        let (store, trace, lock, owner) = (store.clone(), trace.clone(), lock.clone(), self.owner);
        let runtime = store.runtime().clone();
        runtime.spawn(Box::pin(async move {
            let _ = store.release(&lock, &owner, &trace).await;
        }));
    }
}
