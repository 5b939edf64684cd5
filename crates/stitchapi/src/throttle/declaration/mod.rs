//! Public types that declare a throttle, and their validation: plain values, no runtime, no store.

mod cost;
mod rate;
mod scope;
mod throttle;

pub(super) use cost::CALLS;
pub use cost::Cost;
pub use rate::{Rate, RateError};
pub use scope::Scope;
pub use throttle::Throttle;
pub(super) use throttle::config_error;
