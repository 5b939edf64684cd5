//! A store of your own, with every facet, in under 60 lines.

mod store;

pub use store::MyStore;
