//! Single flight: of all that want the same thing at the same time, one fetches it and the others wait.
//!
//! Two layers, one for logins and cached answers alike. In a process callers join one future ([`Flights`]). Across
//! processes that future is a [`fly`]: miss → lease → look again → fetch → leave the outcome → release. Whoever waits
//! reads the outcome; if the leader dies, the lease ends and the next in the queue takes over. A store without leases or
//! versioned values leaves each process on its own.

mod fleet;
mod local;
mod meeting;
mod outcome;
mod place;
mod shared;

pub(crate) use fleet::{Errand, Fetched, Landed, back_off_of, fly};
pub(crate) use local::Flights;
pub(crate) use meeting::Meeting;
pub(crate) use outcome::{Failed, Outcome, Reason};
pub(crate) use place::Lock;
pub(crate) use shared::SharedSource;
