//! One primitive, every facet.

mod envelope;
mod facets;
mod plain;

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

pub use facets::CellFacets;
pub use plain::{delete, get, set};

use crate::{Key, StoreError, StoreTime};

/// An atomic read, compute and write of one value on the store's own clock.
///
/// A store that has this has every facet through [`CellFacets`], and its plain operations through [`get`], [`set`] and
/// [`delete`].
pub trait Cells: Debug + Send + Sync + 'static {
    /// Applies `step` to the value under `key`, if there is a live one, and to the store's time, and does what it says.
    ///
    /// * Nobody else's change comes between the read and the write.
    /// * `step` is pure. It may run again, after a lost race; the reply of the run that took effect is returned.
    /// * The time given to `step` never goes back while the store lives, and is the same for every process.
    /// * The future may be dropped at any point: the change is made as a whole or not at all.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the change was not made, or may not have been.
    fn update<R, F>(&self, key: &Key, step: F) -> impl Future<Output = Result<R, StoreError>> + Send
    where
        R: Send + 'static,
        F: Fn(Option<&[u8]>, StoreTime) -> (Change, R) + Send + Sync + 'static;
}

/// What becomes of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It stays as it is, with the ttl it has.
    Keep,
    /// It is replaced, and lives for this long from now, or until deleted.
    Put(Bytes, Option<Duration>),
    /// It is removed.
    Delete,
}
