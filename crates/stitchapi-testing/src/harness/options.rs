//! What the kit runs on and what it may do to the backend.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{BoxFuture, Key, Prefix, Runtime, StitchStore};

use super::not_passed::NotPassed;
use crate::processes::Processes;

/// Options of [`verify_store_contract`](crate::verify_store_contract): the runtime, and what the kit may do to the
/// backend.
///
/// Some clauses need the driver's help: another prefix, another process, a ttl removed by an operator, a clock that is set
/// back. Each of these has a setter that provides the help, and one that states why the backend cannot do it:
///
/// | | provides it | states why not |
/// | --- | --- | --- |
/// | client with a prefix | [`prefixed`](Self::prefixed) | every store takes a prefix |
/// | other processes | [`processes`](Self::processes) | [`single_process`](Self::single_process) |
/// | removed ttl | [`strip_ttl`](Self::strip_ttl) | [`cannot_lose_ttl`](Self::cannot_lose_ttl) |
/// | clock set back | [`set_clock_back`](Self::set_clock_back) | [`cannot_set_clock`](Self::cannot_set_clock) |
///
/// With neither setter the clauses are *skipped* and the report is not clean. With a stated reason they are *not
/// applicable*.
///
/// ```
/// use std::sync::Arc;
///
/// use stitchapi_testing::{ContractOptions, StdRuntime};
///
/// let options = ContractOptions::new(Arc::new(StdRuntime::new()))
///     .single_process("the file is locked by one process")
///     .cannot_lose_ttl("the deadline is part of the value")
///     .cannot_set_clock("the store's clock is the machine's boot clock")
///     .time_scale(2);
/// ```
pub struct ContractOptions {
    pub(crate) runtime: Arc<dyn Runtime>,
    prefixed: Option<OpenPrefixed>,
    processes: Capability<(Box<dyn Processes>, usize)>,
    strip_ttl: Capability<StripTtl>,
    set_clock_back: Capability<SetClockBack>,
    time_scale: u32,
}

type OpenPrefixed = Box<dyn Fn(Prefix) -> BoxFuture<'static, Arc<dyn StitchStore>> + Send + Sync>;
type StripTtl = Box<dyn Fn(Key) -> BoxFuture<'static, ()> + Send + Sync>;
type SetClockBack = Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// What the driver's test says about something that the kit wants to do to the backend.
#[derive(Debug)]
enum Capability<T> {
    Provided(T),
    /// Neither provided nor excluded.
    Unstated,
    /// The backend cannot do it: why.
    Impossible(String),
}

impl<T> Capability<T> {
    /// Returns what was provided, or ends the clause: skipped if nothing was stated, else not applicable.
    fn get(&self, unstated: &str) -> Result<&T, NotPassed> {
        match self {
            Self::Provided(provided) => Ok(provided),
            Self::Unstated => Err(NotPassed::Skipped(unstated.into())),
            Self::Impossible(why) => Err(NotPassed::NotApplicable(why.clone())),
        }
    }
}

impl ContractOptions {
    /// Creates options with this runtime and nothing else provided.
    ///
    /// [`SimRuntime`](crate::SimRuntime) for a store that takes its time from the runtime, `TokioRuntime` for a client
    /// that needs tokio, [`StdRuntime`](crate::StdRuntime) for all others.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self {
            runtime,
            prefixed: None,
            processes: Capability::Unstated,
            strip_ttl: Capability::Unstated,
            set_clock_back: Capability::Unstated,
            time_scale: 1,
        }
    }

    /// Provides how to open a client of the same backend that puts `Prefix` before its keys.
    #[must_use]
    pub fn prefixed<F>(mut self, open: F) -> Self
    where
        F: Fn(Prefix) -> BoxFuture<'static, Arc<dyn StitchStore>> + Send + Sync + 'static,
    {
        self.prefixed = Some(Box::new(open));
        self
    }

    /// Provides how to run a part of a clause in another process, and in how many at once (at least 2).
    #[must_use]
    pub fn processes(mut self, processes: impl Processes, count: usize) -> Self {
        self.processes = Capability::Provided((Box::new(processes), count.max(2)));
        self
    }

    /// States why two processes cannot share this backend.
    #[must_use]
    pub fn single_process(mut self, why: impl Into<String>) -> Self {
        self.processes = Capability::Impossible(why.into());
        self
    }

    /// Provides how to remove, without the driver, the ttl that the backend itself keeps for a key.
    ///
    /// It applies to a backend that stores the ttl beside the value, such as Redis (`PERSIST`). A driver whose deadline
    /// is inside the value states that with [`cannot_lose_ttl`](Self::cannot_lose_ttl).
    #[must_use]
    pub fn strip_ttl(mut self, strip: impl Fn(Key) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        self.strip_ttl = Capability::Provided(Box::new(strip));
        self
    }

    /// States why the backend cannot lose a ttl and keep the value.
    #[must_use]
    pub fn cannot_lose_ttl(mut self, why: impl Into<String>) -> Self {
        self.strip_ttl = Capability::Impossible(why.into());
        self
    }

    /// Provides how to set the store's clock back by a duration, as an operator or NTP does to a server.
    ///
    /// It is called once by each of five clauses, which run last; nothing sets the clock ahead again. It applies to every
    /// store whose time is a wall clock: with a server of the test's own under libfaketime, or with a clock that the
    /// driver lets its tests replace.
    #[must_use]
    pub fn set_clock_back(
        mut self,
        set_back: impl Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        self.set_clock_back = Capability::Provided(Box::new(set_back));
        self
    }

    /// States why the test cannot set the store's clock back, such as that its clock is the machine's boot clock.
    #[must_use]
    pub fn cannot_set_clock(mut self, why: impl Into<String>) -> Self {
        self.set_clock_back = Capability::Impossible(why.into());
        self
    }

    /// Multiplies every ttl, wait and tolerance of the kit, for slow stores. The default is 1.
    #[must_use]
    pub fn time_scale(mut self, times: u32) -> Self {
        self.time_scale = times.max(1);
        self
    }

    pub(crate) fn scaled(&self, duration: Duration) -> Duration {
        duration * self.time_scale
    }

    /// Returns how to open a client with a prefix, or ends the clause. The three accessors below do the same.
    pub(crate) fn get_prefixed(&self) -> Result<&OpenPrefixed, NotPassed> {
        let unstated = "no way to open a client with a prefix was given: see `ContractOptions::prefixed`";
        self.prefixed.as_ref().ok_or_else(|| NotPassed::Skipped(unstated.into()))
    }

    pub(crate) fn get_processes(&self) -> Result<(&dyn Processes, usize), NotPassed> {
        let unstated = "no way to start another process was given: see `ContractOptions::processes`";
        self.processes.get(unstated).map(|(processes, count)| (&**processes, *count))
    }

    pub(crate) fn get_strip_ttl(&self) -> Result<&StripTtl, NotPassed> {
        self.strip_ttl.get("no way to remove a ttl was given: see `ContractOptions::strip_ttl`")
    }

    pub(crate) fn get_set_clock_back(&self) -> Result<&SetClockBack, NotPassed> {
        self.set_clock_back.get("no way to set the store's clock back was given: see `ContractOptions::set_clock_back`")
    }
}

impl fmt::Debug for ContractOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContractOptions")
            .field("runtime", &self.runtime)
            .field("prefixed", &self.prefixed.is_some())
            .field("processes", &self.processes)
            .field("time_scale", &self.time_scale)
            .finish_non_exhaustive()
    }
}
