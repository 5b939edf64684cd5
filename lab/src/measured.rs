//! Runs of a fleet on a machine that kept time meanwhile.

use crate::record::Record;

/// Runs a fleet and asserts that its starts are exact, on any machine. A machine that did not keep time shows nothing about
/// how well a budget is used or how long a call takes: the fleet then runs once more, and the second run is returned.
///
/// # Panics
///
/// If a window held more starts than are promised.
pub fn run_exact<T: AsRef<Record>>(mut run: impl FnMut() -> T) -> T {
    let mut run = || {
        let result = run();
        let record = result.as_ref();
        println!("    machine: {}", record.machine);
        record.assert_exact();
        result
    };
    let first = run();
    if first.as_ref().machine.kept_time() {
        return first;
    }
    println!("    the machine did not keep time: the fleet runs once more");
    run()
}

impl AsRef<Self> for Record {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// A record with the notes of a test.
impl<T> AsRef<Record> for (Record, T) {
    fn as_ref(&self) -> &Record {
        &self.0
    }
}
