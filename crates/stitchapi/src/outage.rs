//! The setting for what a throttle does while its store is unavailable, and the source of the fleet size by which it
//! then divides its budget.

/// Behaviour of a throttle while its store fails.
///
/// ```
/// use stitchapi::{OutagePolicy, Rate, Throttle};
///
/// let throttle = Throttle::rate(Rate::per_second(10)).on_outage(OutagePolicy::Closed);
/// # let _ = throttle;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OutagePolicy {
    /// Each process paces alone at its share of the budget: the budget divided by the [fleet size](FleetSize). The
    /// fleet stays within the budget if it has at most that number of processes. A concurrency limit gives each process
    /// at least one permit, so that more calls than the limit may run if the limit is lower than the fleet size.
    #[default]
    Local,
    /// No call starts: each fails at once with [`ErrorKind::Store`](crate::ErrorKind::Store).
    Closed,
    /// Every call starts at once, and the budget does not apply. For an API whose limit may be exceeded.
    Open,
}

/// Source of the number of processes by which [`OutagePolicy::Local`] divides the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FleetSize {
    /// Declared with [`Throttle::fleet_size`](crate::Throttle::fleet_size).
    Declared,
    /// Counted by the store, in windows of 10 s: the number of processes that used the bucket in the current window or
    /// in the previous one, whichever is larger.
    Counted,
    /// Assumed to be 8, because it is neither declared nor counted. Processes are not counted for a concurrency limit,
    /// on a store without a `Pacer`, and before the first whole window of 10 s.
    Assumed,
}
