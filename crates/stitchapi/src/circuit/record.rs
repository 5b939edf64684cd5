//! The record of a circuit in the store: its last change.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stitchapi_core::{Runtime, Version};

use super::declaration::MAX_OPEN_FOR;
use super::outcome::OpenCause;
use super::state::OpenPeriod;

/// The last change of a circuit. It is stored as plain JSON, so it must not contain a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum CircuitRecord {
    /// The circuit is open while this record exists. The version of the record is the id of the open period.
    Open {
        /// End of the open period on the wall clock of the process that opened the circuit, in milliseconds since 1970.
        /// As clocks differ, another process waits at most `open_for` and at most an hour, and stops waiting when this
        /// record expires.
        until: u64,
        /// Length of the open period in milliseconds.
        open_for: u64,
        cause: OpenCause,
    },
    /// The open period of this id is over.
    Closed {
        #[serde(rename = "opening")]
        period_id: String,
    },
}

impl CircuitRecord {
    /// Creates the record of an open period that this process has begun.
    pub(super) fn opened(period: &OpenPeriod, open_for: Duration, runtime: &dyn Runtime) -> Self {
        let left = period.until.since(runtime.now());
        Self::Open {
            until: millis_up(since_1970(runtime.wall()) + left),
            open_for: millis_up(open_for),
            cause: period.cause.clone(),
        }
    }

    /// Creates the record of the end of an open period.
    pub(super) fn closed(period_id: &Version) -> Self {
        Self::Closed { period_id: period_id.to_string() }
    }

    /// Returns the open period that a record of this version describes, on the clock of this process; `None` for a
    /// closed circuit.
    pub(super) fn open_period(&self, version: Version, runtime: &dyn Runtime) -> Option<OpenPeriod> {
        let Self::Open { until, open_for, cause } = self else { return None };
        let left = Duration::from_millis(*until).saturating_sub(since_1970(runtime.wall()));
        let left = left.min(Duration::from_millis(*open_for)).min(MAX_OPEN_FOR);
        Some(OpenPeriod::new(version, runtime.now() + left, false, cause.clone()))
    }

    pub(super) fn to_bytes(&self) -> Bytes {
        // The record holds numbers and text only, which JSON can represent.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// Decodes what [`to_bytes`](Self::to_bytes) wrote; `None` for anything else.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

fn since_1970(wall: SystemTime) -> Duration {
    wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Converts to milliseconds, rounded up: rounding down would let another process probe before the end of the open
/// period.
fn millis_up(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use stitchapi_testing::SimRuntime;

    use super::super::outcome::Symptom;
    use super::*;

    fn open(until: u64, open_for: u64) -> CircuitRecord {
        let cause = OpenCause { stitch: "GET /a".into(), symptom: Symptom::Status(503) };
        CircuitRecord::Open { until, open_for, cause }
    }

    #[test]
    fn a_record_is_decoded_as_it_was_encoded_and_other_bytes_are_rejected() {
        for record in [open(1, 2), CircuitRecord::closed(&Version::from_bytes([7; 16]))] {
            assert_eq!(CircuitRecord::from_bytes(&record.to_bytes()), Some(record));
        }
        for garbage in [&b""[..], b"{\"state\":\"something newer\"}", b"7"] {
            assert_eq!(CircuitRecord::from_bytes(garbage), None);
        }
    }

    #[test]
    fn whatever_the_wall_clock_an_open_period_is_no_longer_than_declared_and_than_an_hour() {
        let sim = SimRuntime::new(1);
        let (version, wall) = (Version::from_bytes([7; 16]), millis_up(since_1970(sim.wall())));
        let left = |record: CircuitRecord| record.open_period(version, &sim).unwrap().until.since(sim.now());
        assert_eq!(left(open(wall + 5_000, 30_000)), Duration::from_secs(5));
        assert_eq!(left(open(wall + 3_600_000, 30_000)), Duration::from_secs(30));
        assert_eq!(left(open(wall - 3_600_000, 30_000)), Duration::ZERO);
        assert_eq!(left(open(u64::MAX, u64::MAX)), MAX_OPEN_FOR);
    }

    #[test]
    fn another_process_reads_the_end_of_an_open_period_as_it_was_written() {
        let sim = SimRuntime::new(1);
        let cause = OpenCause { stitch: "GET /a".into(), symptom: Symptom::Timeout };
        let period = OpenPeriod::new(Version::from_bytes([7; 16]), sim.now() + Duration::from_secs(9), true, cause);
        let record = CircuitRecord::opened(&period, Duration::from_secs(30), &sim);
        let read = record.open_period(period.id, &sim).unwrap();
        assert_eq!((read.until, read.is_ours), (period.until, false));
    }
}
