//! The scripts beside the arithmetic of the core: random states and requests, up to the ends of every number. Each reply
//! and each stored value is compared byte for byte.
#![cfg(feature = "redis-rs")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod cells;
#[path = "../common/mod.rs"]
mod common;
mod leases;
mod usual;

use std::time::Duration;

use common::{Dice, Recorder};
use stitchapi_core::StoreTime;

const SEQUENCES: u64 = 400;
const OPERATIONS: u64 = 40;
/// The largest time and count in a cell.
const LARGEST: u64 = (1 << 53) - 1;
const SECOND: u64 = 1_000_000;

/// What the server has under one key.
struct Raw {
    recorder: Recorder,
    key: String,
}

impl Raw {
    async fn get(&self) -> Option<String> {
        redis::cmd("GET").arg(&self.key).query_async(&mut self.recorder.raw()).await.unwrap()
    }
    async fn set(&self, value: String) {
        redis::cmd("SET").arg(&self.key).arg(value).exec_async(&mut self.recorder.raw()).await.unwrap();
    }
    async fn delete(&self) {
        redis::cmd("DEL").arg(&self.key).exec_async(&mut self.recorder.raw()).await.unwrap();
    }
    /// Takes the ttl away: only a write brings one back.
    async fn persist(&self) {
        redis::cmd("PERSIST").arg(&self.key).exec_async(&mut self.recorder.raw()).await.unwrap();
    }
    /// The server wrote the value to live this long, or did not write it.
    async fn assert_written(&self, ttl: Option<Duration>, what: &str) {
        let left: i64 = redis::cmd("PTTL").arg(&self.key).query_async(&mut self.recorder.raw()).await.unwrap();
        match ttl {
            None => assert!(left < 0, "{what} wrote what was there already"),
            Some(ttl) => {
                let (left, ttl) = (i128::from(left), i128::try_from(ttl.as_micros().div_ceil(1_000)).unwrap());
                assert!(left <= ttl && ttl - left < 10_000, "{left} ms left of {ttl} after {what}");
            }
        }
    }
}

/// What a cell can hold of a time.
fn known(time: StoreTime) -> StoreTime {
    time.min(StoreTime(LARGEST))
}

/// Any time: the past, near now, far ahead, the end of time.
fn time(dice: &mut Dice, now: StoreTime) -> StoreTime {
    let near = Duration::from_micros(dice.any_size(100 * SECOND));
    let far = Duration::from_micros(dice.any_size(LARGEST));
    let end = dice.pick(&[LARGEST - 1, LARGEST, LARGEST + 1, LARGEST + 2, u64::MAX]);
    let rare = dice.one_in(8);
    dice.pick(&[
        StoreTime(0),
        now - near,
        now + near,
        now + near,
        now + near,
        if rare { now + far } else { now },
        if rare { StoreTime(end) } else { now },
    ])
}
