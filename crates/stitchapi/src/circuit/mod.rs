//! The circuit breaker: an API that fails is left alone for a while, by the whole fleet.
//!
//! `declaration` says what a circuit is, `window` counts, `machine` decides (both are pure: time is passed in), `record`
//! is what the fleet sees, `shared` the way there, `breaker` what calls meet, `ticket` an attempt's leave to start,
//! `turn` the one place in the fleet of whoever sees whether the API is back.

mod breaker;
mod circuits;
mod declaration;
mod machine;
mod outcome;
mod record;
mod shared;
mod ticket;
mod turn;
mod window;

pub(crate) use breaker::Breaker;
pub(crate) use circuits::Circuits;
pub use declaration::Circuit;
pub(crate) use outcome::{Outcome, Symptom, is_failure};
pub(crate) use ticket::Ticket;
