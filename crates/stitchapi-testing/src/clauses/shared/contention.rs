//! Contention: many updates of one key at the same time.
//!
//! A driver that reads a value, computes, and writes it back only if it is unchanged (compare-and-set) repeats the update
//! after each lost race. Under contention one caller can lose every race. How often that happens by chance depends on the
//! machine, so these clauses arrange it: the kit polls an update once, waits until the update is woken, lets another update
//! of the key start and complete, and only then polls the first again. A driver wakes its update when the reply of the
//! backend has arrived, and on tokio a poll either receives a reply or sends a request (see [`poll_one_step`]). So the other
//! update starts after the read and completes before the write is sent, and every race of an update without a lock is
//! lost, on a busy machine too. The update passes if it completes before [`OVERTAKING`] other updates have.
//!
//! A driver passes that holds a lock while it updates, runs the update inside the backend, or takes a lock after some lost
//! races. The kit cannot step an update that runs in a task or a thread of the driver's own; only the second half of the
//! clause, many callers at once, contends with it.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::{Either, join, join_all, select};
use futures_util::task::AtomicWaker;
use stitchapi_core::{BoxFuture, StoreError, StoreErrorKind};

use crate::clauses::leases::lease_key::owners;
use crate::clauses::pacer::requests;
use crate::harness::{ClauseResult, Fixture, NotPassed, ensure};
use crate::runtime::poll_one_step;

/// Number of other updates that complete while one update is under way. The update must complete before the last of them.
const OVERTAKING: usize = 256;
/// Number of updates that are overtaken, one after the other.
const OVERTAKEN: usize = 4;
/// How long the kit waits for another update. If it takes longer, the update under way holds a lock.
///
/// The first wait of a clause is long, so that a pause of a busy machine is not taken for a lock. A store that has no lock
/// never reaches the short ones.
const BLOCKED: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(100)];
/// Number of callers that update the key at the same time, each again as soon as its update has completed.
const CALLERS: usize = 32;
/// Number of updates of each caller.
const UPDATES: usize = 8;
/// Number of attempts of an update that fails with a retryable error, as a timeout on a busy machine.
const ATTEMPTS: usize = 5;

/// Future of one update.
type Update = BoxFuture<'static, Result<(), StoreError>>;

pub(crate) async fn plain(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("value");
    let stores = [fixture.first.store.clone(), fixture.second.store.clone()];
    let set = |client: usize, number: usize| -> Update {
        let (store, key) = (stores[client].clone(), key.clone());
        Box::pin(async move { store.set(&key, number.to_string().into(), Some(Fixture::HOUR)).await })
    };
    expect_progress(&fixture, "set", set).await
}

pub(crate) async fn counter(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("count");
    let counters = [fixture.first.counter()?, fixture.second.counter()?];
    let incr = |client: usize, _| -> Update {
        let (counter, key) = (counters[client].clone(), key.clone());
        Box::pin(async move { counter.incr(&key, Fixture::HOUR).await.map(drop) })
    };
    expect_progress(&fixture, "incr", incr).await
}

pub(crate) async fn pacer(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("cell");
    let pacers = [fixture.first.pacer()?, fixture.second.pacer()?];
    let reserve = |client: usize, _| -> Update {
        let (pacer, key) = (pacers[client].clone(), key.clone());
        let request = requests::fast(fixture.runtime().random()).with_calls(1);
        Box::pin(async move { pacer.reserve(&key, &request).await.map(drop) })
    };
    expect_progress(&fixture, "reserve", reserve).await
}

pub(crate) async fn leases(fixture: Fixture) -> ClauseResult {
    let key = fixture.key("lease");
    let leases = [fixture.first.leases()?, fixture.second.leases()?];
    let owners = owners::<8>(&fixture);
    let acquire = |client: usize, number: usize| -> Update {
        let (leases, key, owner) = (leases[client].clone(), key.clone(), owners[number % owners.len()]);
        // A longer ttl each time, so that each acquire changes what is stored.
        let ttl = Fixture::HOUR + Duration::from_millis(number as u64);
        Box::pin(async move { leases.acquire(&key, 8, ttl, &owner, Duration::ZERO).await.map(drop) })
    };
    expect_progress(&fixture, "acquire", acquire).await
}

/// Runs updates against each other. `update` makes the update `number` of one of the two clients.
async fn expect_progress(
    fixture: &Fixture,
    operation: &str,
    update: impl Fn(usize, usize) -> Update + Send + Sync,
) -> ClauseResult {
    let mut numbers = 0..;
    let mut next = |client: usize| update(client, numbers.next().unwrap_or(0));
    let mut has_lock = false;
    for overtaken in 0..OVERTAKEN {
        let client = overtaken % 2;
        let mut attempts = 1..=ATTEMPTS;
        while let Err(failure) = overtake(fixture, &mut has_lock, next(client), || next(1 - client)).await {
            attempts.next();
            ensure!(failure.is_overload() && !attempts.is_empty(), "{operation} {failure}");
        }
    }
    let first = numbers.start;
    let callers = (0..CALLERS).map(|caller| {
        let update = &update;
        async move {
            for number in (first + caller..).step_by(CALLERS).take(UPDATES) {
                let mut attempts = 1..=ATTEMPTS;
                while let Err(error) = update(caller % 2, number).await {
                    attempts.next();
                    ensure!(
                        is_overload(&error) && !attempts.is_empty(),
                        "with {CALLERS} callers that update one key again and again, {operation} failed: {error}"
                    );
                }
            }
            Ok::<_, NotPassed>(())
        }
    });
    join_all(callers).await.into_iter().collect()
}

/// Polls `update` to its end. Before each further poll another update starts and completes.
///
/// An update that is not woken is not polled, so a slow connection does not count against the store. An update that is
/// woken while the other one runs may have read after the other's write: then one more starts before the poll.
///
/// `has_lock` becomes `true` when another update cannot complete while `update` is under way.
async fn overtake(
    fixture: &Fixture,
    has_lock: &mut bool,
    mut update: Update,
    mut next: impl FnMut() -> Update + Send,
) -> Result<(), Failure> {
    let notification = Arc::new(Notification::new());
    let waker = Waker::from(notification.clone());
    let mut completed = 0;
    loop {
        let polled = poll_one_step(update.as_mut(), &mut Context::from_waker(&waker));
        if let Poll::Ready(result) = polled {
            return result.map_err(|error| Failure { completed, error: Some(error) });
        }
        notification.received().await;
        loop {
            if completed == OVERTAKING {
                return Err(Failure { completed, error: None });
            }
            let failure = |error| Failure { completed, error: Some(error) };
            let blocked = fixture.sleep(BLOCKED[usize::from(*has_lock)]);
            match select(pin!(complete(&mut next)), pin!(blocked)).await {
                Either::Left((result, _)) => result.map_err(failure)?,
                Either::Right((_, other)) => {
                    *has_lock = true;
                    let (updated, _) = join(update, other).await;
                    return updated.map_err(failure);
                }
            }
            completed += 1;
            if !notification.reset() {
                break;
            }
        }
    }
}

/// Completes an update. A retryable error is not known to have changed the value, so the update is repeated.
///
/// If the last attempt fails so, too, another update may hold a lock for longer than the store waits: returns `Ok`.
async fn complete(next: &mut (impl FnMut() -> Update + Send)) -> Result<(), StoreError> {
    for _ in 0..ATTEMPTS {
        match next().await {
            Err(error) if error.is_retryable() => {}
            result => return result,
        }
    }
    Ok(())
}

/// How an update failed that others have overtaken.
#[derive(Debug)]
struct Failure {
    /// Number of other updates that completed meanwhile.
    completed: usize,
    /// `None` if the update has not ended.
    error: Option<StoreError>,
}

impl Failure {
    fn is_overload(&self) -> bool {
        self.error.as_ref().is_some_and(is_overload)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { completed, error } = self;
        match error {
            Some(error) => {
                write!(f, "failed after {completed} other updates of the key had completed during it: {error}")
            }
            None => write!(f, "had not completed after {completed} other updates of the key had"),
        }
    }
}

/// Returns `true` for an error that a busy machine causes. The update is then repeated, [`ATTEMPTS`] times in all.
fn is_overload(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Timeout | StoreErrorKind::Unavailable)
}

/// Whether an update has been woken since the notification was last reset.
struct Notification {
    is_received: AtomicBool,
    waiting: AtomicWaker,
}

impl Notification {
    fn new() -> Self {
        Self { is_received: AtomicBool::new(false), waiting: AtomicWaker::new() }
    }

    /// Waits for the notification and resets it.
    async fn received(&self) {
        poll_fn(|context| {
            self.waiting.register(context.waker());
            if self.reset() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Resets the notification and returns whether it was received.
    fn reset(&self) -> bool {
        self.is_received.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Notification {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_received.store(true, Ordering::Release);
        self.waiting.wake();
    }
}
