//! What the kit needs to know of a store's surroundings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{BoxFuture, Key, Prefix, Runtime, StitchStore};

use crate::Processes;

/// What the kit runs on, and what it may do to the backend.
///
/// What is not given is *skipped* and makes the report unclean; say that it cannot be given, and why, and it is *not
/// applicable*.
pub struct ContractOptions {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) prefixed: Option<OpenPrefixed>,
    pub(crate) processes: Facility<(Box<dyn Processes>, usize)>,
    pub(crate) strip_ttl: Facility<StripTtl>,
    time_scale: u32,
}

type OpenPrefixed = Box<dyn Fn(Prefix) -> BoxFuture<'static, Arc<dyn StitchStore>> + Send + Sync>;
type StripTtl = Box<dyn Fn(Key) -> BoxFuture<'static, ()> + Send + Sync>;

/// Something that the kit can do to a backend, or not.
#[derive(Debug)]
pub(crate) enum Facility<T> {
    Given(T),
    Missing,
    Impossible(String),
}

impl ContractOptions {
    /// The kit on this runtime; nothing else is given yet.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self { runtime, prefixed: None, processes: Facility::Missing, strip_ttl: Facility::Missing, time_scale: 1 }
    }

    /// How to open a client of the same backend with a prefix of its own.
    #[must_use]
    pub fn prefixed<F>(mut self, open: F) -> Self
    where
        F: Fn(Prefix) -> BoxFuture<'static, Arc<dyn StitchStore>> + Send + Sync + 'static,
    {
        self.prefixed = Some(Box::new(open));
        self
    }

    /// How to run a part of a clause in another process, and in how many at once (two at least).
    #[must_use]
    pub fn processes(mut self, processes: impl Processes, count: usize) -> Self {
        self.processes = Facility::Given((Box::new(processes), count.max(2)));
        self
    }

    /// Says that no two processes can share this backend, and why.
    #[must_use]
    pub fn single_process(mut self, why: impl Into<String>) -> Self {
        self.processes = Facility::Impossible(why.into());
        self
    }

    /// How to take away, behind the driver's back, the ttl that the backend keeps for a key.
    #[must_use]
    pub fn strip_ttl(mut self, strip: impl Fn(Key) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        self.strip_ttl = Facility::Given(Box::new(strip));
        self
    }

    /// Says that the backend cannot lose a ttl and keep the value, and why.
    #[must_use]
    pub fn cannot_lose_ttl(mut self, why: impl Into<String>) -> Self {
        self.strip_ttl = Facility::Impossible(why.into());
        self
    }

    /// Multiplies every ttl, wait and tolerance, for slow stores. 1 unless said otherwise.
    #[must_use]
    pub fn time_scale(mut self, times: u32) -> Self {
        self.time_scale = times.max(1);
        self
    }

    pub(crate) fn scaled(&self, duration: Duration) -> Duration {
        duration * self.time_scale
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
