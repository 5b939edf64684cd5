//! Public types that declare a throttle, and their validation.

mod cost;
mod rate;
mod scope;
mod throttle;

pub(super) use cost::CALLS;
pub use cost::Cost;
pub use rate::{Rate, RateError};
pub use scope::Scope;
pub(crate) use throttle::Place;
pub use throttle::Throttle;
