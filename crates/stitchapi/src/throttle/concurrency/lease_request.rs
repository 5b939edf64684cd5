//! One operation on the store's leases, and its outcome. `lease_pool.rs` plans it, and `limit.rs` sends it.

use std::sync::Arc;

use stitchapi_core::{Lease, Owner, StoreError, Tick};

/// Purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// Acquires a lease. If none is free, the owner enters the store's queue or keeps its position.
    Acquire,
    /// Acquires a lease if one is free, and does not enter the queue.
    TryAcquire,
    /// Acquires a lease, if one is free, for a permit in use that has lost its lease or was issued without one.
    Reacquire,
    /// Extends a lease.
    Renew,
    /// Releases a lease or a position in the queue.
    Release,
    /// Checks whether the store responds, by a renewal of a lease that does not exist.
    Probe,
}

/// Request to the store about the lease of one owner.
#[derive(Debug, Clone, Copy)]
pub(in crate::throttle) struct LeaseRequest {
    pub(super) kind: RequestKind,
    pub(super) owner: Owner,
}

/// Outcome of a request.
#[derive(Debug)]
pub(super) struct LeaseResponse {
    pub(super) request: LeaseRequest,
    /// Time at which the request was sent. The lifetime of a lease counts from this time.
    pub(super) sent: Tick,
    pub(super) result: Result<LeaseReply, Arc<StoreError>>,
}

/// Reply of the store.
#[derive(Debug, Clone, Copy)]
pub(super) enum LeaseReply {
    /// Reply to a request that acquires: the lease, or that none is free.
    Acquire(Lease),
    /// Reply to a renewal or a probe: whether the owner holds a lease.
    Renew(bool),
    /// Reply to a release.
    Release,
}
