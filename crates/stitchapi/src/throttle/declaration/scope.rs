//! Whose budget it is.

/// What shares one budget. Buckets have names that are the same in every process, whatever the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// All calls of the seam: the default of a seam's throttle.
    Seam,
    /// The calls of one stitch: the default of a stitch's throttle. Of a seam's throttle: each stitch has a budget of its
    /// own.
    Stitch,
    /// All calls to the host of the base URL, those of other seams on the same store included.
    Host,
    /// Everything that names this bucket, on the same store.
    Bucket(&'static str),
}
