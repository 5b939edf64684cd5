//! One line about a half while it runs, where somebody sees it.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use stitchapi::runtime::TokioRuntime;
use stitchapi::{Runtime as _, Tick};

use super::said::{Errand, Said};

/// Between two looks of the line.
const BEAT: Duration = Duration::from_millis(100);

/// What the workers of a half have said so far, and a line that shows it; there is none if standard error is no terminal.
pub(super) struct Progress {
    line: ProgressBar,
    begins: Tick,
    duration: Duration,
    starts: AtomicUsize,
    rejected: AtomicUsize,
    logins: AtomicUsize,
    fetches: AtomicUsize,
}

impl Progress {
    pub(super) fn new(begins: Tick, duration: Duration) -> Self {
        let shown = std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        // A template is text of ours; a wrong one would show the default line.
        let style = ProgressStyle::with_template("  {bar:24} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let line = ProgressBar::with_draw_target(Some(millis), target).with_style(style.progress_chars("━━─"));
        let none = || AtomicUsize::new(0);
        Self { line, begins, duration, starts: none(), rejected: none(), logins: none(), fetches: none() }
    }

    /// Counts what a worker has said, but for starts outside the run.
    pub(super) fn count(&self, said: &Said) {
        let counter = match said {
            Said::Start(at) if (self.begins..self.begins + self.duration).contains(at) => &self.starts,
            Said::Rejected => &self.rejected,
            Said::Began(Errand::Login, _) => &self.logins,
            Said::Began(Errand::Fetch, _) => &self.fetches,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Says something on standard error, above the line.
    pub(super) fn say(&self, text: &str) {
        self.line.suspend(|| eprintln!("{text}"));
    }

    /// Shows the line again and again; it does not end by itself.
    pub(super) async fn follow(&self, clock: &TokioRuntime) {
        if self.line.is_hidden() {
            return std::future::pending().await;
        }
        loop {
            self.show(clock.now().since(self.begins));
            clock.sleep_until(clock.now() + BEAT).await;
        }
    }

    /// Leaves the line as it is at the end.
    pub(super) fn finish(&self) {
        self.show(self.duration);
        self.line.abandon();
    }

    fn show(&self, elapsed: Duration) {
        let elapsed = elapsed.min(self.duration);
        self.line.set_position(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        self.line.set_message(self.text(elapsed));
    }

    fn text(&self, elapsed: Duration) -> String {
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
    fn the_line_says_what_the_workers_said() {
        let progress = Progress::new(Tick(0), Duration::from_secs(10));
        let (login, fetch) = (Said::Began(Errand::Login, Tick(0)), Said::Began(Errand::Fetch, Tick(0)));
        for said in [
            Said::Start(Tick(1)),
            Said::Start(Tick(2)),
            Said::Start(Tick(10_000_000)),
            Said::Rejected,
            login,
            fetch.clone(),
            fetch,
            Said::Done,
        ] {
            progress.count(&said);
        }
        let text = progress.text(Duration::from_millis(1_250));
        assert_eq!(text, "1.2 of 10.0 s · starts 2 · 429s 1 · logins 1 · fetches 2");
    }
}
