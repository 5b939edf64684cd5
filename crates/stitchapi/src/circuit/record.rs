//! What the fleet sees of a circuit.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stitchapi_core::{Runtime, Version};

use super::declaration::LONGEST;
use super::machine::Opening;
use super::outcome::Symptom;

/// The last failure before an opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cause {
    /// The stitch that saw it.
    pub(super) stitch: String,
    pub(super) symptom: Symptom,
}

/// A change of a circuit, as it lies in the store. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum Record {
    /// Open for as long as this record lives. Its version is the name of the opening.
    Open {
        /// On the wall clock of whoever opened it, in milliseconds since 1970: others believe it within the next field,
        /// and that the record is there more than either.
        until: u64,
        /// In milliseconds.
        open_for: u64,
        cause: Cause,
    },
    /// The opening of this name is over.
    Closed { opening: String },
}

impl Record {
    /// What tells of this opening.
    pub(super) fn of_opening(opening: &Opening, open_for: Duration, runtime: &dyn Runtime) -> Self {
        let left = opening.until.since(runtime.now());
        Self::Open {
            until: millis(since_1970(runtime.wall()) + left),
            open_for: millis(open_for),
            cause: opening.cause.clone(),
        }
    }

    pub(super) fn of_closing(opening: &Version) -> Self {
        Self::Closed { opening: opening.to_string() }
    }

    /// The opening that a record of this version tells of.
    pub(super) fn opening(&self, version: Version, runtime: &dyn Runtime) -> Option<Opening> {
        let Self::Open { until, open_for, cause } = self else { return None };
        let left = Duration::from_millis(*until).saturating_sub(since_1970(runtime.wall()));
        let left = left.min(Duration::from_millis(*open_for)).min(LONGEST);
        Some(Opening::new(version, runtime.now() + left, false, cause.clone()))
    }

    pub(super) fn to_bytes(&self) -> Bytes {
        // Numbers and text: there is nothing that JSON could not hold.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

fn since_1970(wall: SystemTime) -> Duration {
    wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Rounded up: nobody sees whether the API is back before its time.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use stitchapi_testing::SimRuntime;

    use super::*;

    fn open(until: u64, open_for: u64) -> Record {
        Record::Open { until, open_for, cause: Cause { stitch: "GET /a".into(), symptom: Symptom::Status(503) } }
    }

    #[test]
    fn a_record_is_read_as_it_is_written_and_anything_else_is_none() {
        for record in [open(1, 2), Record::of_closing(&Version::from_bytes([7; 16]))] {
            assert_eq!(Record::from_bytes(&record.to_bytes()), Some(record));
        }
        for garbage in [&b""[..], b"{\"state\":\"something newer\"}", b"7"] {
            assert_eq!(Record::from_bytes(garbage), None);
        }
    }

    #[test]
    fn no_wall_clock_makes_an_opening_longer_than_it_says_or_than_an_hour() {
        let sim = SimRuntime::new(1);
        let (version, wall) = (Version::from_bytes([7; 16]), millis(since_1970(sim.wall())));
        let left = |record: Record| record.opening(version, &sim).unwrap().until.since(sim.now());
        assert_eq!(left(open(wall + 5_000, 30_000)), Duration::from_secs(5));
        assert_eq!(left(open(wall + 3_600_000, 30_000)), Duration::from_secs(30));
        assert_eq!(left(open(wall - 3_600_000, 30_000)), Duration::ZERO);
        assert_eq!(left(open(u64::MAX, u64::MAX)), LONGEST);
    }

    #[test]
    fn what_is_written_of_an_opening_is_read_as_the_same_time() {
        let sim = SimRuntime::new(1);
        let opening = Opening::new(
            Version::from_bytes([7; 16]),
            sim.now() + Duration::from_secs(9),
            true,
            Cause { stitch: "GET /a".into(), symptom: Symptom::Timeout },
        );
        let record = Record::of_opening(&opening, Duration::from_secs(30), &sim);
        let read = record.opening(opening.id, &sim).unwrap();
        assert_eq!((read.until, read.is_ours), (opening.until, false));
    }
}
