//! A whole store from one atomic operation.
//!
//! A driver implements [`Cells::update`] on its backend, and [`CellStore`] with the name and the limits of its store.
//! In return its store is a [`StitchStore`](crate::StitchStore) with plain values and all four facets. `facets.rs`
//! implements the facets, and `envelope.rs` adds a tag and a deadline to every stored value. `docs/driver.md` explains
//! how to write a driver.

mod envelope;
mod facets;
mod store;
mod update;

pub use envelope::MAX_OVERHEAD;
pub use facets::CellFacets;
pub use store::CellStore;
pub use update::{Cells, Change};
