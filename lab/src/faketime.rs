//! Workers whose wall clocks are wrong, by libfaketime.

use crate::clock;
use crate::fleet::WORKERS;
use crate::record::Record;

/// Names the library.
pub const LIBRARY: &str = "STITCHAPI_FAKETIME";

const SECOND: i64 = clock::SECOND as i64;
/// How long a line takes from a worker to the test.
const ON_THE_WAY: i64 = SECOND;

/// Asserts that the wall clocks of the workers were off by this, and their boot clocks were right.
///
/// # Panics
///
/// If not: then the test shows nothing.
pub fn assert_off(record: &Record, offsets: [&str; WORKERS]) {
    let mut walls = Vec::new();
    for clocks in &record.clocks {
        let boot = signed(clocks.boot.0) - signed(clocks.boot.1);
        let wall = signed(clocks.wall.0) - signed(clocks.wall.1);
        assert!((-ON_THE_WAY..=0).contains(&boot), "the boot clock is off by {boot} us");
        // The line was on its way by both clocks.
        let off = wall - boot;
        let told = told(offsets[clocks.worker]);
        assert!((off - told).abs() < SECOND / 100, "the wall clock is off by {off} us, and not by {told} us");
        walls.push(off as f64 / SECOND as f64);
    }
    assert_eq!(walls.len(), WORKERS);
    println!("    wall clocks are really off by {walls:.3?} s, boot clocks are right");
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap()
}

/// Microseconds of an offset as libfaketime reads it: seconds, or hours.
fn told(offset: &str) -> i64 {
    let (number, unit) = offset.strip_suffix('h').map_or((offset, SECOND), |hours| (hours, 3_600 * SECOND));
    (number.parse::<f64>().unwrap() * unit as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_seconds_or_hours() {
        assert_eq!(told("+0.150"), 150_000);
        assert_eq!(told("-1h"), -3_600_000_000);
    }
}
