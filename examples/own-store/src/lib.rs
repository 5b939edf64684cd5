//! A store of your own, with every facet, in under 80 lines.

mod store;

pub use store::MyStore;
