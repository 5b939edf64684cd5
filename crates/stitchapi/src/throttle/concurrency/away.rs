//! A process without its store.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::{StoreError, Tick};

use super::terms::Terms;
use crate::throttle::pacing::PROBE_EVERY;

/// The store is away, or has been until lately.
#[derive(Debug)]
pub(super) struct Away {
    began: Tick,
    /// The last try of the store ended then.
    tried: Tick,
    /// The store is back, and this process keeps to its share until then.
    until: Option<Tick>,
    /// What failed last.
    pub(super) error: Arc<StoreError>,
}

impl Away {
    pub(super) fn new(now: Tick, error: Arc<StoreError>) -> Self {
        Self { began: now, tried: now, until: None, error }
    }

    /// Whether the store is not to be asked.
    pub(super) fn is_away(&self) -> bool {
        self.until.is_none()
    }

    /// Whether the store was away lately. One who has not called for long does not know that it still is.
    pub(super) fn is_fresh(&self, terms: &Terms, now: Tick) -> bool {
        self.is_away() && now.since(self.tried) <= PROBE_EVERY * 4 + terms.timeout
    }

    /// When to try the store again.
    pub(super) fn probe_at(&self) -> Tick {
        self.tried + PROBE_EVERY
    }

    /// The store has failed again.
    pub(super) fn fails(&mut self, now: Tick, error: Arc<StoreError>) {
        (self.tried, self.until, self.error) = (now, None, error);
    }

    /// The store has answered.
    pub(super) fn returns(&mut self, terms: &Terms, now: Tick) {
        if self.is_away() {
            self.until = Some(now + terms.stay());
        }
    }

    /// When it is over, if that is known.
    pub(super) fn until(&self) -> Option<Tick> {
        self.until
    }

    /// How long it has been, if it is over.
    pub(super) fn is_over(&self, now: Tick) -> Option<Duration> {
        self.until.filter(|until| now >= *until).map(|until| until.since(self.began))
    }
}
