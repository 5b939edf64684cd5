//! `cargo xtask check layers`: the direction of imports inside each crate, read from the code.
//!
//! [`syntax`] reads a file, [`tree`] resolves its names to files, [`cycles`] finds cycles among files, [`order`] compares
//! the imports with the layers that `docs/architecture.md` lists, [`report`] prints what is wrong. Code under
//! `#[cfg(test)]` is left out.

mod cycles;
mod order;
mod report;
mod syntax;
mod tree;

pub(crate) use report::check;
