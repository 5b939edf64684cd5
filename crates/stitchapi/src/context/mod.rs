//! What one call carries through the layers.

mod in_flight;

pub(crate) use in_flight::{InFlight, InFlightGuard};
