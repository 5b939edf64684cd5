//! Checks that libfaketime changed the wall clocks of the workers and nothing else.

use crate::clock;
use crate::fleet::WORKERS;
use crate::record::Record;

/// Variable with the path of libfaketime.
pub const LIBRARY: &str = "STITCHAPI_FAKETIME";

const SECOND: i64 = clock::SECOND as i64;
/// Maximum time that a line takes from a worker to the test.
const MAX_TRANSIT: i64 = SECOND;

/// Asserts that the wall clocks of the workers were off by these offsets and that their boot clocks were right.
///
/// # Panics
///
/// If not, because the test then shows nothing.
pub fn assert_offsets(record: &Record, offsets: [&str; WORKERS]) {
    let mut seconds = Vec::new();
    for clocks in &record.clocks {
        let boot = signed(clocks.boot.0) - signed(clocks.boot.1);
        let wall = signed(clocks.wall.0) - signed(clocks.wall.1);
        assert!((-MAX_TRANSIT..=0).contains(&boot), "the boot clock is off by {boot} us");
        // Both clocks ran on while the line was in transit.
        let offset = wall - boot;
        let expected = micros(offsets[clocks.worker]);
        assert!(
            (offset - expected).abs() < SECOND / 100,
            "the wall clock is off by {offset} us, expected {expected} us"
        );
        seconds.push(offset as f64 / SECOND as f64);
    }
    assert_eq!(seconds.len(), WORKERS);
    println!("    wall clocks are off by {seconds:.3?} s, boot clocks are right");
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap()
}

/// Returns the microseconds of an offset in the syntax of libfaketime: seconds, or hours.
fn micros(offset: &str) -> i64 {
    let (number, unit) = offset.strip_suffix('h').map_or((offset, SECOND), |hours| (hours, 3_600 * SECOND));
    (number.parse::<f64>().unwrap() * unit as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_seconds_or_hours() {
        assert_eq!(micros("+0.150"), 150_000);
        assert_eq!(micros("-1h"), -3_600_000_000);
    }
}
