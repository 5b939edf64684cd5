//! The part of one circuit that is in the store: the record of the last change, and the lease of the probe (the one
//! call that tests the API).

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stitchapi_core::{Key, StoreError, Tick, Version};

use super::local::LocalCircuit;
use super::record::CircuitRecord;
use super::state::{PROBE_RETRY_PAUSE, StateChange};
use crate::store::{Acquired, Client, LeaseGuard, Record, Stored};
use crate::trace::{Trace, Unreadable};

/// Interval at which a process reads the record while calls are made. A change takes two operations to be stored and
/// one to be read, so that it reaches the other processes within a second if an operation takes at most 150 ms.
const REFRESH_INTERVAL: Duration = Duration::from_millis(500);
/// Shortest lifetime of the record of a closed circuit.
const MIN_CLOSED_TTL: Duration = Duration::from_secs(10);
/// Maximum number of attempts to write the record. An attempt fails if another process wrote the record after it was
/// read.
const MAX_WRITES: usize = 3;

/// What the processes of a fleet share about one circuit. It applies the changes of other processes to the
/// [`LocalCircuit`] of this process, and stores the changes that this process makes.
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

    /// Reads the record if the last read began at least an interval ago, and applies it. The call does not wait for the
    /// read, unless the runtime cannot run it in a task.
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

    /// Acquires the lease of the probe for an attempt that was admitted as the probe of this process, then reads the
    /// record and applies it. The caller must check afterwards whether the attempt may still be sent.
    ///
    /// * If another process holds the lease, returns `None`, and the attempt is no longer the probe.
    /// * If another process began the open period and its record is still in the store, the attempt is no longer the
    ///   probe.
    /// * If the store failed to acquire the lease, returns `None`, and the attempt may probe without a lease.
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
            // The open period of another process lasts while its record exists, even if it looks over by the wall clock
            // of this process.
            let theirs = self.local.period_of_other();
            if theirs.is_some() && theirs == open_period_id(&stored) {
                self.local.return_probe(generation, PROBE_RETRY_PAUSE);
            }
        }
        lease
    }

    /// Stores a change of the circuit, and then releases the lease of the probe. In this order, a process that acquires
    /// the lease next reads the change. The call does not wait for either, unless the runtime cannot run them in a
    /// task.
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

    /// Writes a change. If the store has an open period that another process began meanwhile, applies that to this
    /// process instead.
    ///
    /// If the store fails, the failure is emitted, and the change is known to this process only.
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

    /// Applies the stored record to the circuit of this process.
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

    /// Spawns `task`, or awaits it if a task of this runtime may end with the call that spawned it.
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

/// Returns the id of the open period that a record describes; `None` if the record describes none.
fn open_period_id(stored: &Stored<CircuitRecord>) -> Option<Version> {
    stored.version.filter(|_| matches!(stored.value, Some(CircuitRecord::Open { .. })))
}

/// A running read of the record. No other read begins until it is dropped, which also happens if the read is cancelled.
struct RunningRefresh(Arc<FleetCircuit>);

impl RunningRefresh {
    /// Begins a read if none is running and the last one began at least an interval ago.
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
