//! What one phase runs.

use super::kill::KillSwitch;
use crate::fleet::options::Options;
use crate::fleet::protocol::{Assignment, FleetIdentity};
use crate::fleet::store_spec::StoreSpec;

/// Input of one phase.
pub(crate) struct PhasePlan<'p> {
    pub(crate) options: &'p Options,
    /// URL of the rate-limited endpoint.
    pub(crate) url: &'p str,
    pub(crate) store: &'p StoreSpec,
    /// `None` for an external API.
    pub(crate) identity: Option<&'p FleetIdentity>,
    pub(crate) kill: KillSwitch<'p>,
}

impl PhasePlan<'_> {
    /// Returns the assignment, which is the same for each worker.
    pub(super) fn assignment(&self) -> Assignment {
        let options = self.options;
        Assignment {
            tasks: options.tasks,
            rate: options.rate.text.clone(),
            burst: options.burst,
            duration: options.duration,
            store: self.store.clone(),
            url: self.url.to_owned(),
            identity: self.identity.cloned(),
        }
    }
}
