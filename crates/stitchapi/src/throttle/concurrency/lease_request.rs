//! One operation on the store's leases, and its outcome.

use std::sync::Arc;

use stitchapi_core::{Lease, Owner, StoreError, Tick};

/// Purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// Acquires a lease, or a place in its queue.
    Acquire,
    /// Acquires a lease if one is free.
    TryAcquire,
    /// Acquires a lease, if one is free, for a permit in use that has lost its lease or was issued without one.
    Reacquire,
    /// Extends a lease.
    Renew,
    /// Releases a lease or a place in the queue.
    Release,
    /// Checks whether the store responds, by a renewal of a lease that does not exist.
    Probe,
}

/// Request for the lease of one owner.
#[derive(Debug, Clone, Copy)]
pub(in crate::throttle) struct LeaseRequest {
    pub(super) kind: RequestKind,
    pub(super) owner: Owner,
}

/// Outcome of a request.
#[derive(Debug)]
pub(super) struct LeaseResponse {
    pub(super) request: LeaseRequest,
    /// Time at which the request was sent. The lifetime of a lease counts from here.
    pub(super) sent: Tick,
    pub(super) result: Result<LeaseReply, Arc<StoreError>>,
}

/// Reply of the store.
#[derive(Debug, Clone, Copy)]
pub(super) enum LeaseReply {
    /// To a request that acquires.
    Acquire(Lease),
    /// To a renewal or a probe: whether the lease was held.
    Renew(bool),
    /// To a release.
    Release,
}
