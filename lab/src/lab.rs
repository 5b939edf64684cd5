//! Whether this is the laboratory, and what is there in it.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use crate::record::now;

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

/// A port of loopback that was free a moment ago.
#[must_use]
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until the boot clock reads `at`.
#[expect(clippy::disallowed_methods, reason = "a test waits on no runtime")]
pub fn sleep_until(at: u64) {
    std::thread::sleep(Duration::from_micros(at.saturating_sub(now())));
}

/// Asks until it is so, for at most ten seconds; whether it came to be.
#[must_use]
pub fn comes_true(mut is_so: impl FnMut() -> bool) -> bool {
    let end = now() + 10_000_000;
    while now() < end {
        if is_so() {
            return true;
        }
        sleep_until(now() + 2_000);
    }
    false
}
