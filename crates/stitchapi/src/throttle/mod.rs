//! One budget for all calls of a seam, and for a whole fleet if the seam's store is shared: so fast, so many at a time.

mod agent;
mod bucket;
mod cell_client;
mod concurrency;
mod context;
mod cooldown;
mod counting;
mod declaration;
mod pacing;
mod permit;
mod queue;
mod rate_limit;
mod registry;
mod settings;
mod status;
mod units;

pub(crate) use bucket::Bucket;
pub(crate) use concurrency::ConcurrencyPermit;
pub(crate) use context::ThrottleContext;
pub use declaration::{Cost, Rate, RateError, Scope, Throttle};
pub use permit::Permit;
pub(crate) use rate_limit::Start;
pub(crate) use registry::{BucketHandle, BucketRegistry, flow};
pub(crate) use settings::WaitBounds;
pub use status::{BucketStatus, ConcurrencyStatus, LimitStatus, ThrottleStatus};
pub(crate) use units::Units;
