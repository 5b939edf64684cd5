//! The events that a [`TraceSink`](super::TraceSink) receives, of calls, throttles and stores.
//!
//! The library never reads the events that it emits. An event holds metadata only.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use stitchapi_core::{StoreErrorKind, Tick};

use crate::error::ErrorKind;
use crate::outage::{FleetSize, OutagePolicy};

/// One event: of a call, or of a part of the seam such as a throttle. It never holds a secret, a body or a query value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The time of the event on the seam's runtime. For [`EventKind::Request`] it is the start of the attempt: the
    /// clock reading at which the throttle found the slot (the start time booked for the call) not yet missed.
    pub at: Tick,
    /// The name of the seam.
    pub seam: Arc<str>,
    /// The name of the stitch. Empty if the event belongs to no call of a stitch, for example to a throttle.
    pub stitch: Arc<str>,
    /// The identifier of the call, equal in all its events. 0 if the event belongs to no call.
    pub call: CallId,
    /// What happened.
    pub kind: EventKind,
}

/// Identifier of one call: 64 random bits, so that two calls of a fleet have different ones with high probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(pub(crate) u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The result of a cache lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheOutcome {
    /// The store had the response.
    Hit,
    /// The store did not have the response; this call fetches it for all callers of the process.
    Miss,
    /// The store did not have the response, or failed; this call waits for the fetch of another call in its process.
    Joined,
    /// The store failed; this process fetches the response and does not store it.
    Bypassed,
}

/// The reason of a [hold](EventKind::Held): the part of a response that requests the pause, or another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HoldReason {
    /// `Retry-After` of a refusal, or of a 503.
    RetryAfter,
    /// `RateLimit` in any of its drafts: no quota is left.
    RateLimit,
    /// `X-RateLimit-*` in any dialect: no quota is left.
    XRateLimit,
    /// Shopify's header: no quota is left.
    Shopify,
    /// A refusal that states no time.
    Refusal,
    /// Another process stored the hold.
    OtherProcess,
}

/// The kind of a stored value that could not be read: damaged, sealed with another key, or of a newer format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unreadable {
    /// A session.
    Session,
    /// A cached response.
    CachedResponse,
    /// The outcome that a single-flight leader stored.
    FlightOutcome,
    /// The state of a circuit.
    Circuit,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A call began. No request has been sent: the *start* that a throttle limits is [`Request`](Self::Request).
    CallBegan,
    /// The call waited for its slot or for a concurrency permit.
    Waited {
        /// Time from the arrival in the queue until the slot or the permit was granted.
        waited: Duration,
    },
    /// The concurrency permit of a running call was lost, because its process was paused or its store failed for longer
    /// than the lease. The call continues; the store may give the permit to another call meanwhile.
    ConcurrencyPermitLost,
    /// The process woke too late for a slot (a start time booked for a call), and books another one.
    SlotMissed {
        /// Time from the slot until the process woke.
        by: Duration,
    },
    /// Booked slots became void, because their cell (the state of the bucket in the store) was lost, or a hold (a
    /// stored cooldown) covers them. The process books others.
    SlotsVoided {
        /// Number of slots.
        slots: usize,
    },
    /// A throttle uses a store without a pacer, so the weaker promise of [`Throttle`](crate::Throttle) applies. Emitted
    /// when the throttle is declared.
    WeakerPromise {
        /// The name of the store.
        store: &'static str,
    },
    /// The state of the throttle in the store was lost or rolled back. It was repaired from the snapshot that this
    /// process keeps.
    StateLost,
    /// The clock of the store was set back; all slots booked on it are void.
    StoreClockWentBack,
    /// The offset of the store's clock is known only within `spread`, which is more than the throttle's maximum
    /// lateness. A start of this process may exceed the maximum lateness by up to `spread`. The cause is a long or
    /// uneven route to the store; a larger maximum lateness allows for it.
    StoreClockUncertain {
        /// Distance between the lower and the upper bound of the offset.
        spread: Duration,
    },
    /// Another process declares a stricter setting of this throttle, and the stricter setting applies. Usual during a
    /// rolling deploy.
    StricterElsewhere,
    /// A response, of this process or another one, requested a pause: no call starts before its end.
    Held {
        /// Time from now to the end of the pause.
        by: Duration,
        /// The part of the response that requested it, or [`HoldReason::OtherProcess`].
        reason: HoldReason,
    },
    /// The store failed, and the throttle continues without it.
    OutageBegan {
        /// The policy that applies until the store returns.
        policy: OutagePolicy,
        /// The number of processes by which the budget is divided under [`OutagePolicy::Local`].
        fleet_size: u32,
        /// The source of that number.
        fleet_size_source: FleetSize,
    },
    /// The throttle uses its store again.
    OutageEnded {
        /// Time since [`OutageBegan`](Self::OutageBegan).
        lasted: Duration,
    },
    /// The cache was looked up.
    Cache {
        /// The result.
        outcome: CacheOutcome,
    },
    /// A login began, for all callers that wait for the session.
    LoginStarted,
    /// The login returned a session.
    LoginSucceeded {
        /// Time since [`LoginStarted`](Self::LoginStarted).
        elapsed: Duration,
    },
    /// The login failed.
    LoginFailed,
    /// A stored value could not be read and counts as absent.
    Unreadable {
        /// The kind of the value.
        what: Unreadable,
    },
    /// An operation on the store failed.
    StoreFailed {
        /// The name of the operation.
        operation: &'static str,
        /// The kind of the failure.
        kind: StoreErrorKind,
    },
    /// A circuit opened: the API counts as down, and calls fail at once.
    CircuitOpened {
        /// The name of the circuit: that of a stitch or a host.
        circuit: Arc<str>,
        /// Time from now to the first probe.
        by: Duration,
        /// `true` if another process opened it.
        elsewhere: bool,
    },
    /// This call is the half-open probe of a circuit: it tests whether the API has recovered.
    CircuitHalfOpen {
        /// The name of the circuit.
        circuit: Arc<str>,
    },
    /// A circuit closed: the API has recovered, and calls are sent again.
    CircuitClosed {
        /// The name of the circuit.
        circuit: Arc<str>,
        /// `true` if another process closed it.
        elsewhere: bool,
    },
    /// A request is passed to the transport. This is a *start* in the sense of a throttle.
    Request {
        /// Number of the request within the call, from 1; requests after a redirect count too.
        attempt: u32,
    },
    /// The API responded, and the body was read.
    Response {
        /// The status of the response.
        status: StatusCode,
        /// Time since [`Request`](Self::Request), including the body.
        elapsed: Duration,
    },
    /// The call follows a redirect.
    Redirect {
        /// `true` if the target is of another origin, which receives no credential.
        cross_origin: bool,
    },
    /// The API rejected the credential, and the strategy prepares another one.
    CredentialRejected,
    /// The attempt failed, and the call sends another one.
    Retry {
        /// Time from now to the next attempt.
        pause: Duration,
    },
    /// The call returned.
    CallEnded {
        /// The kind of the failure; `None` for a success.
        error: Option<ErrorKind>,
        /// Number of requests sent.
        attempts: u32,
        /// Time since [`CallBegan`](Self::CallBegan).
        elapsed: Duration,
    },
    /// The future of the call was dropped. A request that was already sent may still reach the API.
    CallDropped {
        /// Number of requests sent.
        attempts: u32,
    },
    /// The queue to the sinks was full, so that events before this one are missing.
    EventsLost {
        /// Number of missing events.
        events: u64,
    },
}
