//! Whether this is the laboratory, and what is there in it.

use std::env;
use std::path::PathBuf;

/// Says that the tests of minutes are wanted.
const HERE: &str = "STITCHAPI_LAB";

/// Whether the tests of minutes are wanted; if not, a line says that one is skipped.
#[must_use]
pub fn is_here() -> bool {
    let is_here = env::var_os(HERE).is_some_and(|here| here == "1");
    if !is_here {
        println!("skipped: it takes minutes; `cargo xtask test throttle` runs it");
    }
    is_here
}

/// The program or the library that a variable names. `None`, and a line that says so, where it names none.
///
/// # Panics
///
/// If it names none in CI.
#[must_use]
pub fn tool(variable: &str) -> Option<PathBuf> {
    if !is_here() {
        return None;
    }
    let path = env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    if path.is_none() {
        assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "CI has everything: set {variable}");
        println!("skipped: {variable} names nothing");
    }
    path
}
