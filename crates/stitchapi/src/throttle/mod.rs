//! One rate budget for all calls of a seam, and for a whole fleet if the seam's store is shared.

mod answer;
mod bucket;
mod cell;
mod clock;
mod cost;
mod declaration;
mod gate;
mod known;
mod outage;
mod pacing;
mod permit;
mod probe;
mod queue;
mod rate;
mod reserver;
mod scope;
mod settings;
mod slots;
mod state;
mod status;
mod trips;

pub(crate) use bucket::{Bucket, Started, Wait};
pub use cost::Cost;
pub(crate) use cost::Units;
pub(crate) use declaration::Place;
pub use declaration::Throttle;
pub(crate) use gate::{Gate, Gates, Ground, flow};
pub use outage::OutagePolicy;
pub use permit::Permit;
pub use rate::{Rate, RateError};
pub use scope::Scope;
pub use status::{BucketStatus, LimitStatus, ThrottleStatus};
