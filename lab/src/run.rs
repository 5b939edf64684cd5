//! Runs that may be judged.

use crate::record::Record;

/// Runs a fleet, whose starts must be exact whatever the machine did. A machine that did not keep time says nothing of how
/// well a budget is used or how long a call takes: then the fleet is run once again, and that run counts.
///
/// # Panics
///
/// If a window held more than is promised.
pub fn exact<T: AsRef<Record>>(mut run: impl FnMut() -> T) -> T {
    let mut judged = || {
        let ran = run();
        let record = ran.as_ref();
        println!("    machine: {}", record.machine);
        record.assert_exact();
        ran
    };
    let first = judged();
    if first.as_ref().machine.kept_time() {
        return first;
    }
    println!("    the machine did not keep time: once again, and that run counts");
    judged()
}

impl AsRef<Self> for Record {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// A record, and what a test noted of its run.
impl<T> AsRef<Record> for (Record, T) {
    fn as_ref(&self) -> &Record {
        &self.0
    }
}
