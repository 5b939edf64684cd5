//! Single flight: of all callers that need the same value at the same time, one fetches it and the others wait.
//!
//! All of them receive the value, or the failure of the fetch. Logins and cached responses use it. There are two
//! layers. In one process the callers share one future ([`InProcessFlights`]). Across processes that future is
//! [`run_once`]: the holder of a lease is the *leader* and fetches; the other processes are *followers* and read the
//! *outcome* that the leader stores. A follower acquires the lease when the leader releases it or lets it expire. On a
//! store without leases or versioned values each process fetches for itself.

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
