//! How much of the tests runs: nothing, the short extent or the long extent.
//!
//! `cargo xtask test throttle` sets `STITCHAPI_LAB` to `short`: one run of a few seconds per claim. With `--long` it is `long`:
//! every store, burst and kind of fault, and runs of up to a minute.

use std::env;
use std::path::PathBuf;

/// Variable that enables the tests.
const VARIABLE: &str = "STITCHAPI_LAB";

/// How much of the tests runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// One short run per claim.
    Short,
    /// Every case.
    Long,
}

impl Extent {
    /// Returns the extent of this run. Without one, prints that a test is skipped and returns `None`.
    ///
    /// # Panics
    ///
    /// If the variable is neither `short` nor `long`.
    #[must_use]
    pub fn of_this_run() -> Option<Self> {
        let value = env::var(VARIABLE).unwrap_or_default();
        let extent = match value.as_str() {
            "short" => Some(Self::Short),
            "long" => Some(Self::Long),
            "" => None,
            other => panic!("{VARIABLE}={other}: expected `short` or `long`"),
        };
        if extent.is_none() {
            println!("skipped: takes minutes; `cargo xtask test throttle` runs it");
        }
        extent
    }

    /// Returns the extent if it is long. Otherwise prints that a test is skipped and returns `None`.
    #[must_use]
    pub fn long() -> Option<Self> {
        let extent = Self::of_this_run()?;
        if extent == Self::Short {
            println!("skipped: `cargo xtask test --long throttle` runs it");
        }
        (extent == Self::Long).then_some(extent)
    }

    /// Returns one of two values.
    #[must_use]
    pub fn choose<T>(self, short: T, long: T) -> T {
        match self {
            Self::Short => short,
            Self::Long => long,
        }
    }

    /// Returns the first case, or all of them.
    #[must_use]
    pub fn cases<T>(self, cases: &[T]) -> &[T] {
        self.choose(&cases[..cases.len().min(1)], cases)
    }
}

/// Returns the path of the program or library in a variable. Without one, prints that a test is skipped and returns `None`.
///
/// # Panics
///
/// In CI, if the variable is not set.
#[must_use]
pub fn tool(variable: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    if path.is_none() {
        assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{variable} is not set: CI has every server");
        println!("skipped: {variable} is not set");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_extent_is_the_first_case() {
        assert_eq!(Extent::Short.cases(&[1, 2, 3]), [1]);
        assert_eq!(Extent::Long.cases(&[1, 2, 3]), [1, 2, 3]);
        assert_eq!(Extent::Short.choose(8.0, 30.0), 8.0);
    }
}
