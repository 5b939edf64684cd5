//! Public types that report a throttle at one moment, for people and dashboards. `Seam::throttle_status` returns them.

use std::time::Duration;

/// Throttles of a seam at one moment: from [`Seam::throttle_status`](crate::Seam::throttle_status).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> stitchapi::Result<()> {
/// use stitchapi::{Seam, Throttle};
///
/// let seam = Seam::builder("https://api.example.com").throttle(Throttle::rate("10/s")).build()?;
/// let _permit = seam.permit(1).await?;
/// let status = seam.throttle_status().await;
/// for bucket in &status.buckets {
///     println!("{}: {} callers wait, next start in {:?}", bucket.name, bucket.waiting, bucket.next_start);
/// }
/// assert_eq!(status.buckets[0].limits[0].permits, 10);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ThrottleStatus {
    /// Buckets of the seam and of its stitches, ordered by name. If a throttle has a bucket per principal, only the bucket
    /// of the principal of the seam is listed: see [`Seam::as_principal`](crate::Seam::as_principal).
    pub buckets: Vec<BucketStatus>,
    /// Number of principals for which this process keeps a bucket.
    pub principals: usize,
}

/// One bucket, as this process sees it: an entry of [`ThrottleStatus::buckets`].
///
/// ```
/// use stitchapi::BucketStatus;
///
/// /// One line of a dashboard.
/// fn line(bucket: &BucketStatus) -> String {
///     match (bucket.outage, bucket.held) {
///         (Some(since), _) => format!("{}: store unavailable for {since:?}", bucket.name),
///         (None, Some(hold)) => format!("{}: the pause that the API requested ends in {hold:?}", bucket.name),
///         (None, None) => format!("{}: {} callers wait", bucket.name, bucket.waiting),
///     }
/// }
/// # let _ = line;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketStatus {
    /// Name of the bucket: the name of the seam, or for another [scope](crate::Scope) the kind of the scope and its
    /// names, joined by `/`.
    pub name: String,
    /// Limits in the order of their declaration.
    pub limits: Vec<LimitStatus>,
    /// Time that a call of the default cost would wait if it arrived now, behind the waiters of this process. `None`
    /// before the first response of the store, and in an outage unless the policy is
    /// [`OutagePolicy::Local`](crate::OutagePolicy).
    pub next_start: Option<Duration>,
    /// Number of callers of this process that wait for a slot.
    pub waiting: usize,
    /// Number of booked start times of this process that no call has used yet.
    pub booked: usize,
    /// Remaining length of a hold, during which no call of the fleet starts, because the API has requested a cooldown.
    pub held: Option<Duration>,
    /// Whether another process declares a stricter setting, which is in force.
    pub is_stricter_elsewhere: bool,
    /// Time for which this process has been without the store; `None` if there is no outage.
    pub outage: Option<Duration>,
    /// Concurrency limit, if one is declared.
    pub concurrency: Option<ConcurrencyStatus>,
    /// Age of the newest response of the store. `None` without a store, and before the first response.
    pub age: Option<Duration>,
}

/// Concurrency limit of a bucket, as this process sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConcurrencyStatus {
    /// Number of concurrency permits in the fleet; without a store, in this process.
    pub limit: u32,
    /// Number of concurrency permits that calls of this process hold.
    pub in_use: usize,
    /// Number of callers of this process that wait for one.
    pub waiting: usize,
}

/// One limit of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitStatus {
    /// Unit that the limit counts: `calls` by default.
    pub unit: String,
    /// Units per period when saturated. For a cap: its declared permits, less its burst, plus 1.
    pub permits: u32,
    /// Period.
    pub period: Duration,
    /// Number of units that may start at once after a pause.
    pub burst: u32,
    /// Time until the fleet has the whole burst again, if no further call starts.
    pub full_in: Option<Duration>,
}
