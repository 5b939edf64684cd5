//! One budget for all calls of a seam, and for a whole fleet if the seam's store is shared: so fast, so many at a time.

mod answer;
mod bucket;
mod cell;
mod clock;
mod concurrency;
mod cooldown;
mod cost;
mod declaration;
mod gate;
mod known;
mod outage;
mod pacing;
mod permit;
mod queue;
mod rate;
mod reserver;
mod scope;
mod settings;
mod slots;
mod state;
mod status;
mod trips;
mod windowed;

pub(crate) use bucket::{Bucket, Wait};
pub(crate) use concurrency::Taken;
pub(crate) use cooldown::asked;
pub use cost::Cost;
pub(crate) use cost::Units;
pub(crate) use declaration::Place;
pub use declaration::Throttle;
pub(crate) use gate::{Gate, Gates, Ground, flow};
pub use outage::{FleetSize, OutagePolicy};
pub use permit::Permit;
pub use rate::{Rate, RateError};
pub use scope::Scope;
pub use status::{BucketStatus, LimitStatus, PlacesStatus, ThrottleStatus};
