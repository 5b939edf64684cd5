//! Contention: many updates of one key at the same time.
//!
//! A driver that reads a value, computes, and writes it back only if it is unchanged (compare-and-set) repeats the update
//! after each lost race. Under contention one caller can lose every race. How often that happens by chance depends on the
//! machine, so these clauses arrange it: the kit polls an update once, lets another update of the key complete, and only
//! then polls it again. Every race of an update without a lock is lost that way. The update passes if it completes before
//! [`OVERTAKING`] other updates have.
//!
//! A driver passes that holds a lock while it updates, runs the update inside the backend, or takes a lock after some lost
//! races.

use std::fmt;
use std::future::poll_fn;
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

/// Number of other updates that complete while one update is under way. The update must complete before the last of them.
const OVERTAKING: usize = 256;
/// Number of updates that are overtaken, one after the other.
const OVERTAKEN: usize = 4;
/// How long the kit waits for another update. If it takes longer, the update under way holds a lock.
const BLOCKED: Duration = Duration::from_millis(100);
/// Number of callers that update the key at the same time, each again as soon as its update has completed.
const CALLERS: usize = 32;
/// Number of updates of each caller.
const UPDATES: usize = 8;
/// Number of attempts of an update that times out on a busy machine.
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
    for overtaken in 0..OVERTAKEN {
        let client = overtaken % 2;
        let mut attempts = 1..=ATTEMPTS;
        while let Err(failure) = overtake(fixture, next(client), || next(1 - client)).await {
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

/// Polls `update` to its end, and completes another update after each poll.
///
/// An update that is not woken is not polled, so a slow connection does not count against the store.
async fn overtake(
    fixture: &Fixture,
    mut update: Update,
    mut next: impl FnMut() -> Update + Send,
) -> Result<(), Failure> {
    let notification = Arc::new(Notification::new());
    let waker = Waker::from(notification.clone());
    for completed in 0..OVERTAKING {
        let failure = |error| Failure { completed, error: Some(error) };
        notification.received().await;
        let polled = update.as_mut().poll(&mut Context::from_waker(&waker));
        if let Poll::Ready(result) = polled {
            return result.map_err(failure);
        }
        match select(next(), Box::pin(fixture.sleep(BLOCKED))).await {
            Either::Left((Ok(()), _)) => {}
            // The other update may time out at a lock that the kit keeps from being released.
            Either::Left((Err(error), _)) if error.is_retryable() => {}
            Either::Left((Err(error), _)) => return Err(failure(error)),
            Either::Right((_, blocked)) => {
                let (updated, _) = join(update, blocked).await;
                return updated.map_err(failure);
            }
        }
    }
    Err(Failure { completed: OVERTAKING, error: None })
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

/// Whether an update has been woken since it was last polled.
struct Notification {
    is_received: AtomicBool,
    waiting: AtomicWaker,
}

impl Notification {
    /// Creates one that has been received: a new future is polled once.
    fn new() -> Self {
        Self { is_received: AtomicBool::new(true), waiting: AtomicWaker::new() }
    }

    /// Waits for the notification and resets it.
    async fn received(&self) {
        poll_fn(|context| {
            self.waiting.register(context.waker());
            if self.is_received.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
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
