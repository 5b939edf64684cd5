//! What happens during a call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use stitchapi_core::{StoreErrorKind, Tick};

use crate::{ErrorKind, FleetSize, OutagePolicy};

/// One thing that happened during one call. No secret, no body and no query value is ever in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When, on the seam's runtime. Of [`EventKind::Request`]: the very reading that passed the lateness test.
    pub at: Tick,
    /// The name of the seam.
    pub seam: Arc<str>,
    /// The name of the stitch; empty where something concerns the throttle of the whole process and not one call.
    pub stitch: Arc<str>,
    /// The same for all events of one call; 0 where it is none's.
    pub call: CallId,
    /// What happened.
    pub kind: EventKind,
}

/// Tells the calls of a process apart, and those of different processes with great probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(pub(crate) u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How the cache answered a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheOutcome {
    /// From the store.
    Hit,
    /// Not there: this call fetches, for all who wait.
    Miss,
    /// Not there: this call waits for the fetch of another one in this process.
    Joined,
    /// The store failed: this process fetches, and keeps nothing.
    Bypassed,
}

/// What in an answer of the API asks for a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HoldReason {
    /// `Retry-After` of a refusal.
    RetryAfter,
    /// `RateLimit`, in any of its drafts: the budget is spent.
    RateLimit,
    /// `X-RateLimit-*`, in any dialect: the budget is spent.
    XRateLimit,
    /// Shopify's bucket is full.
    Shopify,
    /// A refusal that says no time.
    Refusal,
    /// Another process was asked.
    OtherProcess,
}

/// A value in the store that is damaged, sealed with another key, or of a newer format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unreadable {
    /// A session.
    Session,
    /// A cached answer.
    CachedResponse,
    /// What a flight left.
    FlightOutcome,
    /// The last change of a circuit.
    Circuit,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A call was begun.
    CallBegan,
    /// The call waited this long for its slot, or for its place among those that may be under way at once.
    Waited {
        /// From asking to starting.
        waited: Duration,
    },
    /// A call's place among those that may be under way at once was lost, since its process was paused or its store away
    /// for longer than a lease: the call goes on, beside whoever has the place now.
    ConcurrencyPermitLost,
    /// The slot came, and the process was too late to use it: another one is booked.
    SlotMissed {
        /// By how much, beyond the slot.
        by: Duration,
    },
    /// Slots were booked in a cell that has been lost since, or stand before a hold: others are booked.
    SlotsVoided {
        /// How many.
        slots: usize,
    },
    /// A throttle lies in a store that can only count: it promises less, as [`Throttle`](crate::Throttle) says. Told when it is
    /// declared.
    WeakerPromise {
        /// The name of the store.
        store: &'static str,
    },
    /// The throttle's state in the store was lost or rolled back, and has been made good from what was remembered.
    StateLost,
    /// The store's clock was set back; everything booked on it is void.
    StoreClockWentBack,
    /// The store's clock is known worse than the throttle's guard, so starts of this process may be late by so much more:
    /// its way to the store is long or uneven, and the guard should be larger.
    StoreClockUncertain {
        /// How far the bounds of the offset are apart.
        spread: Duration,
    },
    /// Another process brings a stricter setting of this throttle, and that one holds: an old or a new version of the
    /// application runs beside this one.
    StricterElsewhere,
    /// The API has asked for a pause, here or in another process: no call starts.
    Held {
        /// For so long from now.
        by: Duration,
        /// What says so.
        reason: HoldReason,
    },
    /// The store has failed, and the throttle goes on without it.
    OutageBegan {
        /// How.
        policy: OutagePolicy,
        /// By how many processes the budget is divided, if each paces alone.
        fleet_size: u32,
        /// How that number is known.
        known: FleetSize,
    },
    /// The throttle is on its store again.
    OutageEnded {
        /// Since it began.
        lasted: Duration,
    },
    /// The cache was asked.
    Cache {
        /// With this outcome.
        outcome: CacheOutcome,
    },
    /// A login begins, for all who wait for it.
    LoginStarted,
    /// The login has brought a session.
    LoginSucceeded {
        /// Since it began.
        elapsed: Duration,
    },
    /// The login has failed.
    LoginFailed,
    /// A value in the store could not be read, and is taken for none.
    Unreadable {
        /// What it was.
        what: Unreadable,
    },
    /// The store failed.
    StoreFailed {
        /// The operation.
        operation: &'static str,
        /// The failure.
        kind: StoreErrorKind,
    },
    /// The API is taken to be down, and calls fail at once.
    CircuitOpened {
        /// Whose circuit it is: a stitch's or a host's.
        circuit: Arc<str>,
        /// For so long from now.
        by: Duration,
        /// Whether another process has found it.
        elsewhere: bool,
    },
    /// This call goes through an open circuit, to see whether the API is back.
    CircuitHalfOpen {
        /// Whose circuit it is.
        circuit: Arc<str>,
    },
    /// The API is back, and calls go through.
    CircuitClosed {
        /// Whose circuit it is.
        circuit: Arc<str>,
        /// Whether another process has found it.
        elsewhere: bool,
    },
    /// A request is handed to the transport, now.
    Request {
        /// From 1; redirects count on.
        attempt: u32,
    },
    /// The API answered.
    Response {
        /// With this status.
        status: StatusCode,
        /// Since the request.
        elapsed: Duration,
    },
    /// The answer sends the call elsewhere, and the call follows.
    Redirect {
        /// Whether to another origin, where no credential goes.
        cross_origin: bool,
    },
    /// The credential was rejected, and another one is made ready.
    CredentialRejected,
    /// The attempt failed and will be tried again.
    Retry {
        /// After this.
        pause: Duration,
    },
    /// The call is over.
    CallEnded {
        /// How: `None` for a success.
        error: Option<ErrorKind>,
        /// How many requests were sent.
        attempts: u32,
        /// Since the start.
        elapsed: Duration,
    },
    /// Nobody waits for the call any more; what it had sent may still arrive.
    CallDropped {
        /// How many requests were sent.
        attempts: u32,
    },
    /// Sinks were too slow, and so many events before this one are missing.
    EventsLost {
        /// How many.
        events: u64,
    },
}
