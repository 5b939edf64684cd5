//! A whole store from one atomic operation.
//!
//! A driver implements [`Cells::update`] on its backend, and [`CellStore`] with the name and the limits of its store.
//! It receives [`StitchStore`](crate::StitchStore) with plain values and all four facets in return: `facets` computes
//! them, and `envelope` adds the tag and the deadline that every stored value carries. How to write a driver:
//! `docs/driver.md`.

mod envelope;
mod facets;
mod store;
mod update;

pub use envelope::ENVELOPE_LEN;
pub use facets::CellFacets;
pub use store::CellStore;
pub use update::{Cells, Change};
