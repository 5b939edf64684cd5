//! One circuit as the fleet shares it: the record of its last change, and the lease of the probe.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stitchapi_core::{Key, StoreError, Tick, Version};

use super::local::LocalCircuit;
use super::record::CircuitRecord;
use super::state::{PROBE_RETRY_PAUSE, StateChange};
use crate::store::{Acquired, Client, LeaseGuard, Record, Stored};
use crate::trace::{Trace, Unreadable};

/// Interval at which a process reads the record while calls are made. A change takes two operations to be stored and one to
/// be read, so that it reaches the other processes within a second if an operation takes at most 150 ms.
const REFRESH_INTERVAL: Duration = Duration::from_millis(500);
/// Shortest lifetime of the record of a closed circuit.
const MIN_CLOSED_TTL: Duration = Duration::from_secs(10);
/// Maximum number of attempts to write the record over those that other processes write meanwhile.
const MAX_WRITES: usize = 3;

/// What the processes of a fleet share about one circuit. It keeps the circuit of this process up to date.
#[derive(Debug)]
pub(super) struct FleetCircuit {
    local: Arc<LocalCircuit>,
    store: Arc<Client>,
    record: Record,
    probe_lease: Key,
    refresh: Mutex<Refresh>,
}

/// When the record is read next, and whether a read is running.
#[derive(Debug, Default)]
struct Refresh {
    next: Tick,
    is_running: bool,
}

impl FleetCircuit {
    /// Creates the shared part of the circuit that `key_parts` name.
    pub(super) fn new(local: Arc<LocalCircuit>, store: Arc<Client>, key_parts: &[&str]) -> Self {
        let key = |kind| store.fit_key(key_parts.iter().fold(Key::new(kind), Key::part));
        let record = Record::new(store.clone(), key("circuit"), Unreadable::Circuit);
        Self { local, probe_lease: key("probe"), record, store, refresh: Mutex::default() }
    }

    /// Reads the record if the last read was an interval ago: beside the call, where the runtime can run tasks.
    pub(super) async fn refresh_if_due(self: &Arc<Self>, trace: &Trace) {
        let Some(running) = RunningRefresh::begin(self) else { return };
        let trace = trace.clone();
        self.run_beside(async move {
            let fleet = &running.0;
            if let Ok(stored) = fleet.read(&trace).await {
                fleet.apply(&stored, &trace);
            }
        })
        .await;
    }

    /// Acquires the lease of the probe for an attempt that was admitted as the probe of this process, and takes over what
    /// other processes have changed. Returns no lease if another process probes, or if the store failed: then the circuit
    /// of this process alone decides whether the attempt probes.
    pub(super) async fn begin_probe(&self, generation: u64, trace: &Trace) -> Option<LeaseGuard> {
        let lease = LeaseGuard::new(self.store.clone(), trace.clone(), self.probe_lease.clone());
        let lease = match lease.acquire(Duration::ZERO).await {
            Ok(Acquired::Held) => Some(lease),
            Ok(Acquired::Busy { .. }) => {
                self.local.return_probe(generation, PROBE_RETRY_PAUSE);
                None
            }
            Err(_) => None,
        };
        if let Ok(stored) = self.read(trace).await {
            self.apply(&stored, trace);
            // While the record of another process exists, the circuit is open, whatever the wall clocks show.
            let theirs = self.local.period_of_other();
            if theirs.is_some() && theirs == open_period_id(&stored) {
                self.local.return_probe(generation, PROBE_RETRY_PAUSE);
            }
        }
        lease
    }

    /// Stores a change of the circuit, and then releases the lease of the probe, so that the next probe of the fleet begins
    /// after the change is known: beside the call, where the runtime can run tasks.
    pub(super) async fn publish(self: &Arc<Self>, change: StateChange, lease: Option<LeaseGuard>, trace: &Trace) {
        let (fleet, trace) = (self.clone(), trace.clone());
        self.run_beside(async move {
            fleet.write(&change, &trace).await;
            if let Some(lease) = lease {
                lease.release().await;
            }
        })
        .await;
    }

    /// Writes a change. If another process has opened the circuit meanwhile, its open period is taken over instead.
    ///
    /// After a failure, which is emitted, this process has a circuit of its own.
    async fn write(&self, change: &StateChange, trace: &Trace) {
        let (local, runtime) = (&self.local, &**self.local.runtime());
        for _ in 0..MAX_WRITES {
            let Ok(stored) = self.read(trace).await else { return };
            let (id, new, record, ttl) = match change {
                StateChange::Opened(period) => {
                    let record = CircuitRecord::opened(period, local.open_for(), runtime);
                    (period.id, period.id, record, period.until.since(runtime.now()))
                }
                StateChange::Closed(id) => {
                    let ttl = local.open_for().max(MIN_CLOSED_TTL);
                    (*id, Version::random(runtime), CircuitRecord::closed(id), ttl)
                }
            };
            if open_period_id(&stored).is_some_and(|theirs| theirs != id && !local.has_ended(&theirs)) {
                return self.apply(&stored, trace);
            }
            if ttl.is_zero() {
                return;
            }
            let written = self.record.write(stored.version, new, record.to_bytes(), ttl, trace).await;
            if !matches!(written, Ok(false)) {
                return;
            }
        }
    }

    async fn read(&self, trace: &Trace) -> Result<Stored<CircuitRecord>, StoreError> {
        self.record.read(CircuitRecord::from_bytes, trace).await
    }

    /// Takes over what other processes have changed.
    fn apply(&self, stored: &Stored<CircuitRecord>, trace: &Trace) {
        match (&stored.value, stored.version) {
            (Some(record @ CircuitRecord::Open { .. }), Some(version)) => {
                if let Some(period) = record.open_period(version, &**self.local.runtime()) {
                    self.local.open_by_other(period, trace);
                }
            }
            (Some(CircuitRecord::Closed { period_id }), _) => self.local.close_by_other(period_id, trace),
            (_, None) => self.local.expire_other(),
            (None, Some(_)) => {}
        }
    }

    /// Runs `task` in a spawned task, or to its end where the runtime cannot run tasks beside a call.
    async fn run_beside(&self, task: impl Future<Output = ()> + Send + 'static) {
        let runtime = self.local.runtime();
        if runtime.joins_callers() {
            runtime.spawn(Box::pin(task));
        } else {
            task.await;
        }
    }

    fn lock_refresh(&self) -> MutexGuard<'_, Refresh> {
        self.refresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the id of the open period that a record describes.
fn open_period_id(stored: &Stored<CircuitRecord>) -> Option<Version> {
    stored.version.filter(|_| matches!(stored.value, Some(CircuitRecord::Open { .. })))
}

/// A read of the record that is running. When it is dropped, also before its end, the next call may begin another read.
struct RunningRefresh(Arc<FleetCircuit>);

impl RunningRefresh {
    /// Begins a read, if none is running and the interval is over.
    fn begin(fleet: &Arc<FleetCircuit>) -> Option<Self> {
        let (mut refresh, now) = (fleet.lock_refresh(), fleet.local.runtime().now());
        if refresh.is_running || now < refresh.next {
            return None;
        }
        *refresh = Refresh { next: now + REFRESH_INTERVAL, is_running: true };
        drop(refresh);
        Some(Self(fleet.clone()))
    }
}

impl Drop for RunningRefresh {
    fn drop(&mut self) {
        self.0.lock_refresh().is_running = false;
    }
}
