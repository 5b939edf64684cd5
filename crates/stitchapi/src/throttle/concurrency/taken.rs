//! A place that a call has.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::Owner;

use super::places::Places;

/// A place in use. Dropped, it goes to the next caller who waits here, or back to the store by a task.
#[must_use = "a place is held until it is dropped"]
pub(crate) struct Taken {
    places: Arc<Places>,
    owner: Option<Owner>,
    waited: Duration,
}

impl Taken {
    pub(super) fn new(places: Arc<Places>, owner: Option<Owner>, waited: Duration) -> Self {
        Self { places, owner, waited }
    }

    /// How long it was waited for.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// Whether nobody else can have it: its lease was renewed in time.
    pub(crate) fn is_held(&self) -> bool {
        let now = self.places.runtime().now();
        self.owner.is_none() || self.places.register().is_held(self.owner.as_ref(), now)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.places.give_back(self.owner);
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken").field("waited", &self.waited).finish_non_exhaustive()
    }
}
