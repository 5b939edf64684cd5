//! The progress bar of a phase, shown if standard error is a terminal.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stitchapi::runtime::TokioRuntime;
use stitchapi::{Runtime as _, Tick};

use crate::fleet::protocol::{SharedRequest, WorkerMessage};

/// Interval at which the bar is redrawn.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// Progress bar with the counts of the workers' messages. It is hidden if standard error is not a terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    begins: Tick,
    duration: Duration,
    starts: AtomicUsize,
    rejected: AtomicUsize,
    logins: AtomicUsize,
    fetches: AtomicUsize,
}

impl Progress {
    /// Creates the bar of a phase that begins at `begins`.
    pub(super) fn new(begins: Tick, duration: Duration) -> Self {
        let is_shown = std::io::stderr().is_terminal();
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        // The template is a constant and valid; the default bar only avoids a panic.
        let style = ProgressStyle::with_template("  {bar:24} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(millis), target).with_style(style.progress_chars("━━─"));
        let zero = || AtomicUsize::new(0);
        Self { bar, begins, duration, starts: zero(), rejected: zero(), logins: zero(), fetches: zero() }
    }

    /// Counts a message of a worker. A start outside the phase is not counted.
    pub(super) fn count(&self, message: &WorkerMessage) {
        let counter = match message {
            WorkerMessage::CallStarted(at) if (self.begins..self.begins + self.duration).contains(at) => &self.starts,
            WorkerMessage::CallRejected => &self.rejected,
            WorkerMessage::SharedRequestBegan(SharedRequest::Login, _) => &self.logins,
            WorkerMessage::SharedRequestBegan(SharedRequest::Fetch, _) => &self.fetches,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Prints a line on standard error, above the bar.
    pub(super) fn print_above(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    /// Redraws the bar periodically. Never returns.
    pub(super) async fn redraw(&self, clock: &TokioRuntime) {
        if self.bar.is_hidden() {
            return std::future::pending().await;
        }
        loop {
            self.draw(clock.now().since(self.begins));
            clock.sleep_until(clock.now() + REDRAW_INTERVAL).await;
        }
    }

    /// Draws the bar at its end and leaves it on the terminal.
    pub(super) fn finish(&self) {
        self.draw(self.duration);
        self.bar.abandon();
    }

    fn draw(&self, elapsed: Duration) {
        let elapsed = elapsed.min(self.duration);
        self.bar.set_position(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        self.bar.set_message(self.message(elapsed));
    }

    /// Returns the text beside the bar.
    fn message(&self, elapsed: Duration) -> String {
        let [starts, rejected, logins, fetches] =
            [&self.starts, &self.rejected, &self.logins, &self.fetches].map(|counter| counter.load(Ordering::Relaxed));
        format!(
            "{:.1} of {:.1} s · starts {starts} · 429s {rejected} · logins {logins} · fetches {fetches}",
            elapsed.as_secs_f64(),
            self.duration.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_counts_what_workers_reported_within_the_phase() {
        let progress = Progress::new(Tick(0), Duration::from_secs(10));
        let login = WorkerMessage::SharedRequestBegan(SharedRequest::Login, Tick(0));
        let fetch = WorkerMessage::SharedRequestBegan(SharedRequest::Fetch, Tick(0));
        for message in [
            WorkerMessage::CallStarted(Tick(1)),
            WorkerMessage::CallStarted(Tick(2)),
            WorkerMessage::CallStarted(Tick(10_000_000)),
            WorkerMessage::CallRejected,
            login,
            fetch.clone(),
            fetch,
            WorkerMessage::Done,
        ] {
            progress.count(&message);
        }
        let text = progress.message(Duration::from_millis(1_250));
        assert_eq!(text, "1.2 of 10.0 s · starts 2 · 429s 1 · logins 1 · fetches 2");
    }
}
