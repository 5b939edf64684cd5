//! Real fleets: what `stitch fleet` shows, and what is left of it when a worker dies or stands still.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod errands;
mod halves;
mod promise;
mod redis_server;
mod scene;
mod starts;
mod wrong;
