//! The checks: everything that is read or compiled but not run.
//!
//! [`STEPS`] lists them; `cargo xtask check` and the lane `check` run them. Checks that cargo has no command for have a file
//! each: `budget` counts dependencies, `doc_paths` looks for the files that the docs name, `language` for words that are not
//! used here, `layers` for imports that point up.

mod budget;
mod doc_paths;
mod language;
mod layers;
mod steps;
mod tokens;

pub(crate) use steps::STEPS;
