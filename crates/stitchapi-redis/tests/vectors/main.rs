//! Compares the scripts with the transitions of the core, on random states and requests up to the limits of every number:
//! each reply and each stored value, byte for byte.
#![cfg(feature = "redis-rs")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod cells;
#[path = "../common/mod.rs"]
mod common;
mod fast_path;
mod leases;

use std::time::Duration;

use common::{Dice, Recorder};
use stitchapi_core::StoreTime;

const SEQUENCES: u64 = 400;
const OPERATIONS: u64 = 40;
/// Largest time and count in a cell.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
const SECOND: u64 = 1_000_000;

/// Direct access to one key of the server.
struct RawKey {
    recorder: Recorder,
    key: String,
}

impl RawKey {
    async fn get(&self) -> Option<String> {
        redis::cmd("GET").arg(&self.key).query_async(&mut self.recorder.raw()).await.unwrap()
    }
    async fn set(&self, value: String) {
        redis::cmd("SET").arg(&self.key).arg(value).exec_async(&mut self.recorder.raw()).await.unwrap();
    }
    async fn delete(&self) {
        redis::cmd("DEL").arg(&self.key).exec_async(&mut self.recorder.raw()).await.unwrap();
    }
    /// Removes the ttl, so that a later ttl proves a write.
    async fn persist(&self) {
        redis::cmd("PERSIST").arg(&self.key).exec_async(&mut self.recorder.raw()).await.unwrap();
    }
    /// Asserts that the server wrote the value with this ttl, or with `None` that it did not write.
    async fn assert_written(&self, ttl: Option<Duration>, operation: &str) {
        let left: i64 = redis::cmd("PTTL").arg(&self.key).query_async(&mut self.recorder.raw()).await.unwrap();
        match ttl {
            None => assert!(left < 0, "{operation} wrote a value that was stored already"),
            Some(ttl) => {
                let (left, ttl) = (i128::from(left), i128::try_from(ttl.as_micros().div_ceil(1_000)).unwrap());
                assert!(left <= ttl && ttl - left < 10_000, "{left} ms left of {ttl} after {operation}");
            }
        }
    }
}

/// Returns a time within the range of a cell.
fn storable(time: StoreTime) -> StoreTime {
    time.min(StoreTime(MAX_SAFE_INTEGER))
}

/// Returns a random time: past, near now, far ahead, or around the largest one.
fn time(dice: &mut Dice, now: StoreTime) -> StoreTime {
    let near = Duration::from_micros(dice.any_size(100 * SECOND));
    let far = Duration::from_micros(dice.any_size(MAX_SAFE_INTEGER));
    let largest =
        dice.pick(&[MAX_SAFE_INTEGER - 1, MAX_SAFE_INTEGER, MAX_SAFE_INTEGER + 1, MAX_SAFE_INTEGER + 2, u64::MAX]);
    let rare = dice.one_in(8);
    dice.pick(&[
        StoreTime(0),
        now - near,
        now + near,
        now + near,
        now + near,
        if rare { now + far } else { now },
        if rare { StoreTime(largest) } else { now },
    ])
}
