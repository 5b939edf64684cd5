//! Judging when a value ends, without trusting the machine to be quick.

use std::future::Future;
use std::time::Duration;

use stitchapi_core::{StoreError, Tick};

use super::{Scene, Trouble};

/// A value may end this much before its ttl is over.
const EARLY: Duration = Duration::from_millis(20);
/// A value may be seen this long after its ttl is over.
const LATE: Duration = Duration::from_millis(100);
/// How often it is looked at.
const POLL: Duration = Duration::from_millis(10);

/// When a value was given its ttl: between these two readings of the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    from: Tick,
    to: Tick,
    ttl: Duration,
}

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// More than 20 ms early; after this long.
    Early(Duration),
    /// In time.
    InTime,
    /// It was seen more than 100 ms after its end; after this long.
    Late(Duration),
}

impl Scene {
    /// The ttl of the clauses that wait for its end, scaled.
    pub(crate) fn short(&self) -> Duration {
        self.options.scaled(Duration::from_millis(150))
    }

    /// Waits until a ttl that has just been given is certainly over.
    pub(crate) async fn sleep_past(&self, ttl: Duration) {
        let runtime = self.runtime();
        let end = runtime.now() + ttl + self.options.scaled(LATE + POLL);
        runtime.sleep_until(end).await;
    }

    /// Gives a value a ttl, and remembers when.
    pub(crate) async fn born<T>(
        &self,
        ttl: Duration,
        write: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<Life, Trouble> {
        let from = self.runtime().now();
        write.await?;
        Ok(Life { from, to: self.runtime().now(), ttl })
    }

    /// Looks at a value until it ends, or until it should have ended.
    ///
    /// Only what is certain counts against the store: an answer is early by when it came, late by when it was asked.
    pub(crate) async fn end_of<F>(&self, life: Life, mut alive: impl FnMut() -> F + Send) -> Result<End, Trouble>
    where
        F: Future<Output = Result<bool, StoreError>> + Send,
    {
        let not_before = life.from + life.ttl - self.options.scaled(EARLY);
        let not_after = life.to + life.ttl + self.options.scaled(LATE);
        let mut seen_alive = false;
        loop {
            let asked = self.runtime().now();
            let alive = alive().await?;
            let told = self.runtime().now();
            match alive {
                true if asked > not_after => return Ok(End::Late(asked.since(life.to))),
                true => seen_alive |= told < not_before,
                false if told < not_before => return Ok(End::Early(told.since(life.from))),
                false if seen_alive => return Ok(End::InTime),
                false => return Err(Trouble::too_slow()),
            }
            self.sleep(POLL).await;
        }
    }
}
