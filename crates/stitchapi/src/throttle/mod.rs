//! One budget for all calls of a seam, and for a whole fleet if the seam's store is shared: so fast, so many at a time.

mod agent;
mod bucket;
mod cell_client;
mod concurrency;
mod cooldown;
mod counting;
mod declaration;
mod pacing;
mod permit;
mod queue;
mod registry;
mod reserver;
mod settings;
mod status;
mod units;

pub(crate) use bucket::{Bucket, Started, Wait};
pub(crate) use concurrency::Taken;
pub use declaration::{Cost, Rate, RateError, Scope, Throttle};
pub use permit::Permit;
pub(crate) use registry::{Gate, Gates, Ground, flow};
pub use status::{BucketStatus, LimitStatus, PlacesStatus, ThrottleStatus};
pub(crate) use units::Units;
