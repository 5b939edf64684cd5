//! One operation on the store.

use std::sync::Arc;

use stitchapi_core::{Lease, Owner, StoreError, Tick};

/// What is asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A place, or one in the queue.
    Ask,
    /// A place, or nothing.
    Try,
    /// A place for a call that is under way without one, or nothing.
    Adopt,
    Renew,
    Release,
    /// Whether it answers: renews what nobody has.
    Probe,
}

/// One operation.
#[derive(Debug, Clone, Copy)]
pub(in crate::throttle) struct Operation {
    pub(super) kind: Kind,
    pub(super) owner: Owner,
}

/// What came of one operation.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) operation: Operation,
    /// From here validity is counted.
    pub(super) sent: Tick,
    pub(super) answer: Result<Answer, Arc<StoreError>>,
}

/// What the store says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Lease(Lease),
    Renewed(bool),
    Done,
}
