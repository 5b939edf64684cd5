//! What keeps a call going, or ends it in time.

mod circuit;
mod retry;
mod retry_after;
mod timeout;
mod watch;

pub use circuit::Circuit;
pub(crate) use circuit::{Breaker, Circuits, Outcome, Symptom, Ticket, is_failure};
pub use retry::Retry;
pub(crate) use retry::{is_idempotent, says_retry};
pub(crate) use retry_after::{read_seconds, retry_after, since_the_answer};
pub(crate) use timeout::{TimeUp, within};
pub(crate) use watch::watch;
