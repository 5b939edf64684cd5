//! A call through the cache: a hit, or a fetch that all who miss share.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::StoreError;

use super::entry::Entry;
use super::policy::Policy;
use super::room::{EntryKey, Found};
use crate::call::{Answer, Run, Target};
use crate::flight::{Errand, Failed, Fetched, Flight, Landed, Lock, Outcome, Reason, fly};
use crate::resilience::says_retry;
use crate::stitch::{Declaration, Report};
use crate::trace::{CacheOutcome, EventKind, Trace};
use crate::{Error, ErrorKind, ErrorResponse, Result, Seam};

/// What a fill brings to all who wait for it.
pub(crate) type Filled = Result<Arc<Fill>, Arc<Error>>;

/// An answer and how it was got.
#[derive(Debug)]
pub(crate) struct Fill {
    entry: Entry,
    report: Report,
}

/// Answers a call from the cache, or fetches for it.
pub(crate) async fn through(run: &mut Run<'_>, policy: Policy, target: Target) -> Result<Answer> {
    let (seam, trace) = (run.seam.clone(), run.trace.clone());
    let room = seam.cache_room();
    let key = room.key(&seam, policy.audience, &target.method, target.url.as_str(), &target.headers);
    let found = room.look(&key, &trace).await;
    if let Found::Entry(entry) = found {
        told(run, CacheOutcome::Hit);
        return Ok(Answer::whole(entry.parts, entry.body));
    }

    let outage = matches!(found, Found::Outage);
    let declaration = run.declaration.clone();
    let entry_key = key.key.clone();
    let filling = Filling { seam: seam.clone(), declaration, target, trace, key, ttl: policy.ttl };
    let filled = if seam.runtime().joins_callers() {
        let (flight, began) = room.flights.join(&entry_key, || Box::pin(filling.fill(outage)));
        let miss = if outage { CacheOutcome::Bypassed } else { CacheOutcome::Miss };
        told(run, if began { miss } else { CacheOutcome::Joined });
        let filled = flight.await;
        if began {
            // The requests were this call's.
            run.report = match &filled {
                Ok(fill) => Report { cache: run.report.cache, ..fill.report },
                Err(error) => Report { attempts: error.attempts(), ..run.report },
            };
        }
        filled
    } else {
        told(run, CacheOutcome::Miss);
        filling.fill(outage).await
    };
    match filled {
        Ok(fill) => Ok(Answer::whole(fill.entry.parts.clone(), fill.entry.body.clone())),
        Err(error) => Err(Error::of_flight(&error)),
    }
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
    ttl: Duration,
}

impl Filling {
    async fn fill(self, outage: bool) -> Filled {
        if outage {
            return self.exchange().await.map(Arc::new).map_err(Arc::new);
        }
        let store = self.seam.cache_room().store.clone();
        let flight = Flight::new(store, self.trace.clone(), &self.key.flight_parts());
        match fly(&flight, &self).await {
            Landed::Brought(fill) => Ok(Arc::new(fill)),
            Landed::Failed(error) => Err(Arc::new(error)),
            Landed::FailedElsewhere(failed) => Err(Arc::new(failed_elsewhere(failed))),
        }
    }

    /// Asks the API, within the stitch's own deadline: the callers come and go.
    async fn exchange(&self) -> Result<Fill> {
        let mut run = Run::of_flight(&self.declaration, &self.seam, &self.trace);
        let exchanged = run.exchange_in_time(self.target.clone()).await;
        let Answer { parts, body, .. } = exchanged.map_err(|error| error.with_attempts(run.report.attempts))?;
        Ok(Fill { entry: Entry::of(parts, body), report: run.report })
    }
}

impl Errand for Filling {
    type Prize = Fill;
    type Failure = Error;
    const BACK_OFF: Option<Duration> = None;

    async fn look(&self) -> Result<Option<Fill>, StoreError> {
        let found = self.seam.cache_room().look(&self.key, &self.trace).await;
        let Found::Entry(entry) = found else { return Ok(None) };
        Ok(Some(Fill { entry, report: Report::default() }))
    }

    async fn fetch(&self, lock: Option<&Lock>) -> Fetched<Fill, Error> {
        let fill = match self.exchange().await {
            Ok(fill) => fill,
            Err(error) => return Fetched { outcome: failed(&error).map(Outcome::Failed), result: Err(error) },
        };
        let keeps = Entry::is_kept(fill.entry.parts.status);
        // A leader that was paused beyond its lease does not write over what its successor brought.
        if keeps && lock.is_some_and(|lock| !lock.is_held()) {
            return Fetched { result: Ok(fill), outcome: None };
        }
        let kept = keeps && self.seam.cache_room().keep(&self.key, &fill.entry, self.ttl, &self.trace).await;
        Fetched { result: Ok(fill), outcome: Some(if kept { Outcome::Stored } else { Outcome::NotKept }) }
    }
}

/// What others are told of a failure. That this process has no slot is its own affair, and so is its store.
fn failed(error: &Error) -> Option<Failed> {
    let reason = match error.kind() {
        ErrorKind::Status => Reason::Status(error.status()?.as_u16()),
        ErrorKind::Transport => Reason::Transport,
        ErrorKind::Timeout => Reason::Timeout,
        ErrorKind::Auth => Reason::Auth,
        _ => return None,
    };
    Some(Failed { what: error.what().to_owned().into(), reason, retry_after: error.retry_after() })
}

/// The failure of another process, as this one's callers get it.
fn failed_elsewhere(Failed { what, reason, retry_after }: Failed) -> Error {
    let kind = match reason {
        Reason::Status(_) => ErrorKind::Status,
        Reason::Transport => ErrorKind::Transport,
        Reason::Timeout => ErrorKind::Timeout,
        Reason::Auth => ErrorKind::Auth,
    };
    let error = Error::new(kind, format!("{what} (to another process of the fleet)")).with_retry_after(retry_after);
    let Reason::Status(status) = reason else { return error };
    let Ok(status) = http::StatusCode::from_u16(status) else { return error };
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status;
    error.with_retryable(says_retry(status)).with_response(ErrorResponse::new(parts, bytes::Bytes::new()))
}
