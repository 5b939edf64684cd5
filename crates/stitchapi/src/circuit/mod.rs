//! The circuit breaker: when an API fails, the whole fleet sends it no requests for a while.
//!
//! Before each attempt the pipeline calls [`Breaker::admit`], which returns a permit for the attempt, or an error of
//! kind `CircuitOpen`. After the attempt the permit receives its outcome. `declaration` is the public type. `window`
//! counts failures and `state` decides (both are pure: the time is passed in). `local` adds the clock and the unsent
//! attempts of this process, and `fleet` the part in the store: the record of the last change, and the lease under
//! which one process of the fleet probes the API. `permit` runs one attempt.

mod breaker;
mod declaration;
mod fleet;
mod local;
mod outcome;
mod permit;
mod record;
mod registry;
mod state;
mod window;

pub(crate) use breaker::Breaker;
pub use declaration::Circuit;
pub(crate) use outcome::{AttemptOutcome, Symptom, is_failure};
pub(crate) use permit::AttemptPermit;
pub(crate) use registry::CircuitRegistry;
