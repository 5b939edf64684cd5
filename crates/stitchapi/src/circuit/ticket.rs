//! An attempt's leave to start.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use stitchapi_core::Tick;

use super::Breaker;
use super::outcome::Outcome;
use super::turn::Turn;
use crate::Result;
use crate::trace::Trace;

/// The leave of one attempt. Dropped before its end is told, it says nothing about the API, and its place passes on.
pub(crate) struct Ticket {
    breaker: Arc<Breaker>,
    generation: AtomicU64,
    /// Under which it waits to be told that the circuit has opened.
    number: u64,
    sent_at: OnceLock<Tick>,
    /// Of an attempt that sees for the fleet whether the API is back.
    pub(super) turn: Option<Turn>,
    is_over: bool,
}

impl Ticket {
    pub(super) fn new(breaker: Arc<Breaker>, generation: u64, number: u64) -> Self {
        let (generation, sent_at) = (AtomicU64::new(generation), OnceLock::new());
        Self { breaker, generation, number, sent_at, turn: None, is_over: false }
    }

    /// The request is sent now, if it still may be.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CircuitOpen`](crate::ErrorKind::CircuitOpen) if the circuit has opened while the attempt waited.
    pub(crate) fn send(&self, now: Tick) -> Result<()> {
        self.renew(now)?;
        let _ = self.sent_at.set(now);
        Ok(())
    }

    /// When it was sent, if it was.
    pub(crate) fn sent_at(&self) -> Option<Tick> {
        self.sent_at.get().copied()
    }

    /// Runs the attempt to its end, or until the circuit opens before its request is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::CircuitOpen`](crate::ErrorKind::CircuitOpen) in the second case.
    pub(crate) async fn run<T>(&self, attempt: impl Future<Output = T> + Send) -> Result<T> {
        if let Some(turn) = &self.turn {
            return Ok(turn.hold(attempt).await);
        }
        let mut attempt = pin!(attempt);
        poll_fn(|context| match attempt.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending if self.sent_at().is_some() => Poll::Pending,
            Poll::Pending => self.poll_shut(context).map(Err),
        })
        .await
    }

    /// Says how the attempt ended.
    pub(crate) async fn end(mut self, outcome: Outcome, trace: &Trace) {
        self.is_over = true;
        let (generation, turn) = (self.generation(), self.turn.take());
        self.breaker.ended(generation, outcome, turn, trace).await;
    }

    /// Takes over into the present state of the circuit.
    pub(super) fn renew(&self, now: Tick) -> Result<()> {
        let generation = self.breaker.may_send(self.generation(), now)?;
        self.generation.store(generation, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    fn poll_shut(&self, context: &Context<'_>) -> Poll<crate::Error> {
        self.breaker.poll_shut(self.generation(), self.number, context)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.breaker.forget(self.number);
        if !self.is_over {
            self.breaker.give_back(self.generation());
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("generation", &self.generation)
            .field("sent_at", &self.sent_at)
            .finish_non_exhaustive()
    }
}
