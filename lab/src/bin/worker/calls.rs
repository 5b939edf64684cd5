//! Makes the calls of a worker and prints their outcomes.

use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use stitchapi::runtime::TokioRuntime;
use stitchapi::{Error, Runtime as _, Tick};
use stitchapi_lab::message::Message;

use crate::arguments::Arguments;
use crate::output;
use crate::stitches::Stitches;

/// Pause of a task after a failed call.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Makes calls until the end of the run, and drops the calls that have not ended then.
pub(crate) async fn make(arguments: &Arguments, stitches: &Stitches, clock: &TokioRuntime) {
    let caller = Caller { arguments, stitches, clock };
    let calls = async {
        match arguments.offer {
            Some(offer) => caller.offer(offer).await,
            None => drop(join_all((0..arguments.tasks).map(|task| caller.call_in_turn(task))).await),
        }
    };
    select(Box::pin(calls), clock.sleep_until(arguments.ends())).await;
}

struct Caller<'a> {
    arguments: &'a Arguments,
    stitches: &'a Stitches,
    clock: &'a TokioRuntime,
}

impl Caller<'_> {
    /// Makes one call after the other.
    async fn call_in_turn(&self, task: usize) {
        for turn in task.. {
            if !self.call(turn).await {
                self.sleep(AFTER_FAILURE).await;
            }
        }
    }

    /// Begins calls at this rate without waiting for earlier ones.
    async fn offer(&self, per_second: u32) {
        let mut calls = FuturesUnordered::new();
        let spacing = Duration::from_secs(1) / per_second;
        let mut at = self.clock.now();
        for turn in 0.. {
            calls.push(self.call(turn));
            at = at + spacing;
            let mut sleep = self.clock.sleep_until(at);
            loop {
                match select(calls.next(), sleep).await {
                    Either::Left((Some(_), rest)) => sleep = rest,
                    Either::Left((None, rest)) => break rest.await,
                    Either::Right(_) => break,
                }
            }
        }
    }

    /// Makes one call. Returns `true` if it succeeded or was dropped.
    async fn call(&self, turn: usize) -> bool {
        let Some(stitch) = self.stitches.get(turn % self.stitches.len()) else { return false };
        let asked = self.clock.now();
        let call = stitch.call(());
        let outcome = if self.random() < self.arguments.drop {
            let until_drop = self.sleep(self.arguments.drop_within().mul_f64(self.random()));
            match select(call.into_future(), Box::pin(until_drop)).await {
                Either::Left((outcome, _)) => Some(outcome),
                Either::Right(_) => None,
            }
        } else {
            Some(call.await)
        };
        let over = self.clock.now();
        let (may_continue, outcome) = match outcome {
            None => (true, "dropped".to_owned()),
            Some(Ok(())) => (true, "ok".to_owned()),
            Some(Err(error)) => (false, outcome_of(&error)),
        };
        output::print(&Message::Call { asked, over, outcome });
        may_continue
    }

    /// Returns a random number from 0 up to 1.
    fn random(&self) -> f64 {
        (self.clock.random() >> 11) as f64 / (1_u64 << 53) as f64
    }

    async fn sleep(&self, duration: Duration) {
        let at: Tick = self.clock.now() + duration;
        self.clock.sleep_until(at).await;
    }
}

/// Returns the status of the response, or else the kind of the error.
fn outcome_of(error: &Error) -> String {
    error.status().map_or_else(|| format!("{:?}", error.kind()), |status| format!("status {}", status.as_u16()))
}
