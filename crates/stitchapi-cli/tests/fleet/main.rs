//! Real fleets: the output of `stitch fleet`, and the starts that remain when a worker is killed or paused.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod budget;
mod comparison;
mod harness;
mod input_errors;
mod running_fleet;
mod shared_requests;
mod start_bounds;
