//! [`Scope`]: which calls share one bucket.

use std::borrow::Cow;

/// Set of calls that share one budget. A bucket has the same name in every process, whatever the order in which seams and
/// stitches are built.
///
/// ```
/// use stitchapi::{Scope, Throttle};
///
/// // Every seam and stitch on this store that names the bucket `search` shares these 30 calls a minute.
/// let search = Throttle::rate("30/m").scope(Scope::bucket("search"));
/// // The name may come from configuration.
/// let tenant = String::from("acme");
/// let per_tenant = Throttle::rate("5/s").scope(Scope::bucket(format!("tenant-{tenant}")));
/// # let _ = (search, per_tenant);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// All calls of the seam: the default of a seam's throttle.
    Seam,
    /// The calls of one stitch: the default of a stitch's throttle. In the throttle of a seam, this scope gives each
    /// stitch a budget of its own.
    Stitch,
    /// All calls to the host of the base URL, including those of other seams on the same store.
    Host,
    /// All calls of the seams and stitches on the same store whose throttle names this bucket.
    Bucket(Cow<'static, str>),
}

impl Scope {
    /// Returns the scope of the bucket with this name: [`Scope::Bucket`].
    #[must_use]
    pub fn bucket(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Bucket(name.into())
    }
}
