//! A call through the cache: a hit, or a fetch that all who miss share.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use stitchapi_core::StoreError;

use super::Audience;
use super::entry::Entry;
use super::policy::Policy;
use super::room::{EntryKey, Found};
use crate::pipeline::{Answer, Run, Target};
use crate::single_flight::{
    FailureReason, FetchResult, FlightRecord, FlightResult, FlightTask, Outcome, SharedFailure, SharedSource, run_once,
};
use crate::stitch::{Declaration, Report};
use crate::store::LeaseGuard;
use crate::throttle::Wait;
use crate::trace::{CacheOutcome, EventKind, Trace};
use crate::{Error, ErrorKind, ErrorResponse, Result, Seam};

/// What a fill brings to all who wait for it.
pub(crate) type Filled = Result<Arc<Fill>, Arc<Flop>>;

/// An answer and how it was got.
#[derive(Debug)]
pub(crate) struct Fill {
    entry: Entry,
    report: Report,
}

/// A fill that failed.
#[derive(Debug)]
pub(crate) struct Flop {
    error: Error,
    /// Whether it is the affair of the call that fetched: another one might fare better.
    is_personal: bool,
}

impl Flop {
    pub(super) fn of_all(error: Error) -> Self {
        Self { error, is_personal: false }
    }

    /// The error of one of the callers who share it.
    fn error(self: Arc<Self>) -> Error {
        self.error.copy_with_source(SharedSource::new(self.clone(), |flop| flop.error.source()))
    }
}

/// Answers a call from the cache, or fetches for it.
pub(crate) async fn through(run: &mut Run<'_>, policy: Policy, target: Target) -> Result<Answer> {
    let (seam, trace) = (run.seam.clone(), run.trace.clone());
    // Two seams of one name may have other credentials: nobody's answers would be each other's.
    if policy.audience == Audience::Principal && seam.auth().is_some() && seam.principal().is_none() {
        return Err(Error::input("its answers are kept for each user: say for which one, .as_principal(id)"));
    }
    let room = seam.cache_room();
    let key = room.key(&seam, policy, &target.method, target.url.as_str(), &target.headers);
    let found = room.look(&key, &trace).await;
    if let Found::Entry(entry) = found {
        told(run, CacheOutcome::Hit);
        return Ok(Answer::whole(entry.parts, entry.body));
    }

    let outage = matches!(found, Found::Outage);
    loop {
        let filling = Filling::of(run, policy, &key, &target);
        let (filled, began) = if seam.runtime().joins_callers() {
            let (flight, began) = room.flights.join(&key.key, || Box::pin(filling.fill(outage)));
            tell_miss(run, began, outage);
            (flight.await, began)
        } else {
            tell_miss(run, true, outage);
            (filling.fill(outage).await, true)
        };
        if began {
            // The requests were this call's.
            run.report = match &filled {
                Ok(fill) => Report { cache: run.report.cache, ..fill.report },
                Err(flop) => Report { attempts: flop.error.attempts(), ..run.report },
            };
        }
        match filled {
            Ok(fill) => return Ok(Answer::whole(fill.entry.parts.clone(), fill.entry.body.clone())),
            Err(flop) if began => return Err(flop.error()),
            // Of those who waited one is next.
            Err(flop) if flop.is_personal => {}
            Err(flop) => {
                let one_user = policy.audience == Audience::Principal || seam.principal().is_none();
                return Err(flop.error().redacted_for_other_caller(one_user));
            }
        }
    }
}

fn tell_miss(run: &mut Run<'_>, began: bool, outage: bool) {
    told(
        run,
        match (began, outage) {
            (true, false) => CacheOutcome::Miss,
            (true, true) => CacheOutcome::Bypassed,
            (false, _) => CacheOutcome::Joined,
        },
    );
}

fn told(run: &mut Run<'_>, outcome: CacheOutcome) {
    run.report.cache = Some(outcome);
    run.trace.emit(EventKind::Cache { outcome });
}

/// One fetch for one entry.
struct Filling {
    seam: Seam,
    declaration: Arc<Declaration>,
    target: Target,
    trace: Trace,
    key: EntryKey,
    policy: Policy,
    cost: Option<crate::Cost>,
    /// The stitch's own deadline, or that of the call which fetches if it is later: callers come and go.
    wait: Wait,
}

impl Filling {
    fn of(run: &Run<'_>, policy: Policy, key: &EntryKey, target: &Target) -> Self {
        let declared = run.seam.runtime().now() + run.declaration.deadline;
        Self {
            seam: run.seam.clone(),
            declaration: run.declaration.clone(),
            target: target.clone(),
            cost: run.cost.clone(),
            trace: run.trace.clone(),
            key: key.clone(),
            policy,
            wait: Wait { deadline: run.wait.deadline.max(declared), at_most: run.wait.at_most },
        }
    }

    async fn fill(self, outage: bool) -> Filled {
        if outage {
            return self.exchange().await.map(Arc::new).map_err(Arc::new);
        }
        let store = self.seam.cache_room().store.clone();
        let meeting = FlightRecord::new(store, self.trace.clone(), &self.key.flight_parts());
        match run_once(&meeting, &self).await {
            FlightResult::Ready(fill) => Ok(Arc::new(fill)),
            FlightResult::Failed(flop) => Err(Arc::new(flop)),
            FlightResult::FailedElsewhere(failed) => Err(Arc::new(Flop::of_all(failed_elsewhere(failed)))),
        }
    }

    async fn exchange(&self) -> Result<Fill, Flop> {
        let mut run = Run::of_flight(&self.declaration, &self.seam, &self.trace, self.wait, self.cost.clone());
        match run.exchange_in_time(self.target.clone()).await {
            Ok(Answer { parts, body, .. }) => Ok(Fill { entry: Entry::of(parts, body), report: run.report }),
            Err(error) => {
                let is_personal = self.is_personal(&error);
                Err(Flop { error: error.with_attempts(run.report.attempts), is_personal })
            }
        }
    }

    /// That this process has no slot or no store, that the time is up, and what an answer for everybody says about one
    /// user, tells nothing to others.
    fn is_personal(&self, error: &Error) -> bool {
        let of_a_user = self.policy.audience == Audience::Everybody && self.seam.principal().is_some();
        let refused = matches!(error.status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN));
        match error.kind() {
            ErrorKind::Throttled | ErrorKind::Store => true,
            ErrorKind::Timeout => self.seam.runtime().now() >= self.wait.deadline,
            ErrorKind::Auth => of_a_user,
            _ => of_a_user && refused,
        }
    }
}

impl FlightTask for Filling {
    type Output = Fill;
    type Failure = Flop;
    const FAILURE_BACK_OFF: Option<Duration> = None;

    async fn load(&self) -> Result<Option<Fill>, StoreError> {
        let found = self.seam.cache_room().look(&self.key, &self.trace).await;
        let Found::Entry(entry) = found else { return Ok(None) };
        Ok(Some(Fill { entry, report: Report::default() }))
    }

    async fn fetch(&self, lock: Option<&LeaseGuard>) -> FetchResult<Fill, Flop> {
        let fill = match self.exchange().await {
            Ok(fill) => fill,
            Err(flop) => return FetchResult { outcome: failed(&flop).map(Outcome::Failed), result: Err(flop) },
        };
        let keeps = Entry::is_kept(fill.entry.parts.status);
        // A leader that was paused beyond its lease does not write over what its successor brought.
        if keeps && lock.is_some_and(|lock| !lock.is_held()) {
            return FetchResult { result: Ok(fill), outcome: None };
        }
        let kept = keeps && self.seam.cache_room().keep(&self.key, &fill.entry, self.policy.ttl, &self.trace).await;
        FetchResult { result: Ok(fill), outcome: Some(if kept { Outcome::Stored } else { Outcome::NotKept }) }
    }
}

/// What others are told of a failure, if it is theirs, too.
fn failed(Flop { error, is_personal }: &Flop) -> Option<SharedFailure> {
    let reason = match error.kind() {
        _ if *is_personal => return None,
        ErrorKind::Status => FailureReason::Status(error.status()?.as_u16()),
        ErrorKind::Transport => FailureReason::Transport,
        ErrorKind::Timeout => FailureReason::Timeout,
        ErrorKind::Auth => FailureReason::Auth,
        _ => return None,
    };
    let (retryable, retry_after) = (error.is_retryable(), error.retry_after());
    Some(SharedFailure { what: error.message().to_owned().into(), reason, retryable, retry_after })
}

/// The failure of another process, as this one's callers get it.
fn failed_elsewhere(SharedFailure { what, reason, retryable, retry_after }: SharedFailure) -> Error {
    let kind = match reason {
        FailureReason::Status(_) => ErrorKind::Status,
        FailureReason::Transport => ErrorKind::Transport,
        FailureReason::Timeout => ErrorKind::Timeout,
        FailureReason::Auth => ErrorKind::Auth,
    };
    let error = Error::new(kind, format!("{what} (to another process of the fleet)"))
        .with_retry_after(retry_after)
        .with_retryable(retryable);
    let FailureReason::Status(status) = reason else { return error };
    let Ok(status) = StatusCode::from_u16(status) else { return error };
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status;
    error.with_response(ErrorResponse::new(parts, bytes::Bytes::new()))
}
