//! Single flight: of all callers that need the same value at the same time, one fetches it and the others wait.
//!
//! In: a key that names the value, and how to fetch it. Out: the value, or the failure that the waiting callers share.
//! Logins and cached responses use it. Two layers: in one process the callers share one future ([`InProcessFlights`]);
//! across processes that future is [`run_once`], in which the holder of a lease is the *leader* and fetches, and the other
//! processes are *followers* and read the *outcome* that the leader stores. A follower takes the lease over when the
//! leader's lease expires. On a store without leases or versioned values each process fetches for itself.

mod flight_record;
mod in_process;
mod outcome;
mod run_once;
mod shared_source;
mod task;

pub(crate) use flight_record::FlightRecord;
pub(crate) use in_process::InProcessFlights;
pub(crate) use outcome::{FailureReason, Outcome, SharedFailure};
pub(crate) use run_once::{failure_ttl, run_once};
pub(crate) use shared_source::SharedSource;
pub(crate) use task::{FetchResult, FlightResult, FlightTask};
